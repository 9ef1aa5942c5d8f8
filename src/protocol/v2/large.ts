import { jsonSliceBytes, responseBytesMax } from "../../domain/limits.ts";
import type { InferRequest, InferResponse } from "../../domain/request.ts";
import { gathered, utf8InSlices } from "../sliced.ts";
import {
  binaryChunks,
  checkSize,
  type EncodedBody,
  notUtf8,
  splitBody,
  totalBytes,
  wantsBinary,
} from "./binary.ts";
import { type InferTarget, inferParts } from "./json.ts";
import { scanInfer } from "./scanned.ts";
import { isLargeTensor, jsonBytesMin, valueParts } from "./values.ts";

/**
 * V2 REST's bodies whose JSON is large, in slices. What they give and throw is what `decodeBody`
 * and `encodeBody` do.
 */

export function isLargeBody(body: Buffer, headerLength: string | undefined): boolean {
  return body.length > jsonSliceBytes && splitBody(body, headerLength).json.length > jsonSliceBytes;
}

export function* decodeLargeBody(
  target: InferTarget,
  body: Buffer,
  headerLength: string | undefined,
): Generator<void, InferRequest> {
  const { json, binary } = splitBody(body, headerLength);
  if (!(yield* utf8InSlices(json))) throw notUtf8();
  yield;
  return yield* scanInfer(target, json, binary);
}

export function isLargeAnswer({ outputs }: InferResponse, request: InferRequest): boolean {
  return outputs.some((tensor, index) => isLargeTensor(tensor) && !wantsBinary(request, index));
}

/** Into bytes always. Throws `too-large` before it takes memory for more than `bytesMax`. */
export function* encodeLargeBody(
  response: InferResponse,
  request: InferRequest,
  bytesMax = responseBytesMax,
): Generator<void, EncodedBody> {
  const chunks = binaryChunks(response, request);
  const size = totalBytes(chunks);
  const texts = response.outputs.filter((_, index) => chunks[index] === undefined);
  checkSize(
    texts.reduce((bytes, tensor) => bytes + jsonBytesMin(tensor), size),
    bytesMax,
  );
  const parts = inferParts(response, (_, index) => chunks[index]?.byteLength, valueParts);
  const binary = chunks.filter((chunk) => chunk !== undefined);
  const { body, textBytes } = yield* gathered(parts, binary, bytesMax);
  return { body, headerLength: binary.length === 0 ? undefined : textBytes };
}
