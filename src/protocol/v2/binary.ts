import { isUtf8 } from "node:buffer";
import { invalid } from "../../domain/error.ts";
import { responseBytesMax } from "../../domain/limits.ts";
import type { InferRequest, InferResponse } from "../../domain/request.ts";
import { responseTooLarge } from "../checks.ts";
import { decodeInfer, encodeInfer, type InferTarget } from "./json.ts";
import { writeRaw } from "./raw.ts";

/**
 * V2 REST's bodies as they are on the wire: JSON alone, or JSON of the length that the header
 * `Inference-Header-Content-Length` gives, followed by the binary tensors.
 */
export const headerLengthName = "inference-header-content-length";

export function decodeBody(
  target: InferTarget,
  body: Buffer,
  headerLength: string | undefined,
): InferRequest {
  const jsonLength = headerLength === undefined ? body.length : parseLength(headerLength, body);
  const jsonBytes = body.subarray(0, jsonLength);
  if (!isUtf8(jsonBytes)) {
    throw invalid("failed to parse the request JSON buffer: it is not valid UTF-8");
  }
  const json = jsonBytes.toString("utf8");
  return decodeInfer(target, json, body.subarray(jsonLength));
}

function parseLength(text: string, body: Buffer): number {
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw invalid("must specify valid 'Infer-Header-Content-Length' in request header: an integer");
  }
  const length = Number(text);
  if (length === 0 || length > body.length) {
    throw invalid(
      `inference header size should be in range (0, ${body.length}], got: ${length}` +
        (length === 0 ? " (raw binary requests are not supported)" : ""),
    );
  }
  return length;
}

/** A body to send. `headerLength` is set exactly when binary tensors follow the JSON. */
export interface EncodedBody {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headerLength: number | undefined;
}

/** Encodes the answer in the form that the request asked for, output by output. */
export function encodeBody(response: InferResponse, request: InferRequest): EncodedBody {
  const chunks = response.outputs.map((tensor, index) =>
    wantsBinary(request, index) ? writeRaw(tensor) : undefined,
  );
  const json = encodeInfer(response, (_, index) => chunks[index]?.byteLength);
  checkSize(json.length, chunks);
  if (chunks.every((chunk) => chunk === undefined)) return { body: json, headerLength: undefined };
  const header = Buffer.from(json);
  const parts = [header, ...chunks.filter((chunk) => chunk !== undefined)];
  return { body: Buffer.concat(parts), headerLength: header.length };
}

/** An output's own `binary_data` wins over the request's `binary_data_output`. */
function wantsBinary(request: InferRequest, index: number): boolean {
  const own = request.outputs[index]?.parameters.get("binary_data");
  return (own ?? request.parameters.get("binary_data_output")) === true;
}

function checkSize(jsonBytes: number, chunks: readonly (Uint8Array | undefined)[]): void {
  let bytes = jsonBytes;
  for (const chunk of chunks) bytes += chunk?.byteLength ?? 0;
  if (bytes > responseBytesMax) throw responseTooLarge(bytes, responseBytesMax);
}
