import { isUtf8 } from "node:buffer";
import { invalid, type ServingError } from "../../domain/error.ts";
import { responseBytesMax } from "../../domain/limits.ts";
import { type InferRequest, type InferResponse, noParameters } from "../../domain/request.ts";
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
  const { json, binary } = splitBody(body, headerLength);
  if (headerLength !== undefined && json.length === 0) return rawRequest(target, binary);
  if (!isUtf8(json)) throw notUtf8();
  return decodeInfer(target, json.toString("utf8"), binary);
}

/** The raw form: no JSON, one input whose name and shape are the model's to tell. */
function rawRequest(target: InferTarget, bytes: Buffer): InferRequest {
  const inputs = { kind: "raw", bytes } as const;
  return { ...target, id: undefined, parameters: noParameters, inputs, outputs: [] };
}

export interface BodyParts {
  readonly json: Buffer;
  readonly binary: Buffer;
}

/** The JSON of a body, and what follows it. Throws `invalid-request`. */
export function splitBody(body: Buffer, headerLength: string | undefined): BodyParts {
  const length = headerLength === undefined ? body.length : parseLength(headerLength, body);
  return { json: body.subarray(0, length), binary: body.subarray(length) };
}

export function notUtf8(): ServingError {
  return invalid("failed to parse the request JSON buffer: it is not valid UTF-8");
}

function parseLength(text: string, body: Buffer): number {
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw invalid("must specify valid 'Infer-Header-Content-Length' in request header: an integer");
  }
  const length = Number(text);
  if (length > body.length) {
    throw invalid(`inference header size should be in range (0, ${body.length}], got: ${length}`);
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
  const chunks = binaryChunks(response, request);
  const json = encodeInfer(response, (_, index) => chunks[index]?.byteLength);
  checkSize(json.length + totalBytes(chunks), responseBytesMax);
  if (chunks.every((chunk) => chunk === undefined)) return { body: json, headerLength: undefined };
  const header = Buffer.from(json);
  const parts = [header, ...chunks.filter((chunk) => chunk !== undefined)];
  return { body: Buffer.concat(parts), headerLength: header.length };
}

export type Chunks = readonly (Uint8Array | undefined)[];

/** The bytes of each output that the request asked for as such. */
export function binaryChunks(response: InferResponse, request: InferRequest): Chunks {
  return response.outputs.map((tensor, index) =>
    wantsBinary(request, index) ? writeRaw(tensor) : undefined,
  );
}

/**
 * An output's own `binary_data` wins over the request's `binary_data_output`; a raw request has
 * raw answers.
 */
export function wantsBinary(request: InferRequest, index: number): boolean {
  if (request.inputs.kind === "raw") return true;
  const own = request.outputs[index]?.parameters.get("binary_data");
  return (own ?? request.parameters.get("binary_data_output")) === true;
}

export function totalBytes(chunks: Chunks): number {
  return chunks.reduce((bytes, chunk) => bytes + (chunk?.byteLength ?? 0), 0);
}

export function checkSize(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw responseTooLarge(bytes, bytesMax);
}
