import { isUtf8 } from "node:buffer";
import { jsonSliceBytes, responseBytesMax } from "../../domain/limits.ts";
import type { InferRequest, InferResponse } from "../../domain/request.ts";
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
 * V2 REST's bodies whose JSON is large, in slices: each generator yields where others are to have
 * their turn. What they give and throw is what `decodeBody` and `encodeBody` do.
 */

/** What is copied or checked, not parsed, goes so much faster. */
const copiedBytes = 16 * jsonSliceBytes;
/** Parts are gathered up to this, for many small outputs. */
const gatheredLength = jsonSliceBytes / 4;

export function isLargeBody(body: Buffer, headerLength: string | undefined): boolean {
  return body.length > jsonSliceBytes && splitBody(body, headerLength).json.length > jsonSliceBytes;
}

export function* decodeLargeBody(
  target: InferTarget,
  body: Buffer,
  headerLength: string | undefined,
): Generator<void, InferRequest> {
  const { json, binary } = splitBody(body, headerLength);
  for (let at = 0; at < json.length; yield) {
    const end = characterEnd(json, at + copiedBytes);
    if (!isUtf8(json.subarray(at, end))) throw notUtf8();
    at = end;
  }
  return yield* scanInfer(target, json, binary);
}

/** Where the character ends that `at` cuts; a character has at most three more bytes. */
function characterEnd(bytes: Buffer, at: number): number {
  let end = Math.min(at, bytes.length);
  while (end < at + 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end += 1;
  return end;
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
  const parts: Buffer[] = [];
  let headerLength = 0;
  let text = "";
  const cut = () => {
    const part = Buffer.from(text);
    text = "";
    headerLength += part.length;
    checkSize(size + headerLength, bytesMax);
    parts.push(part);
  };
  for (const part of inferParts(response, (_, index) => chunks[index]?.byteLength, valueParts)) {
    text += part;
    if (text.length < gatheredLength) continue;
    cut();
    yield;
  }
  cut();
  const binary = chunks.filter((chunk) => chunk !== undefined);
  const body = yield* joined([...parts, ...binary], size + headerLength);
  return { body, headerLength: binary.length === 0 ? undefined : headerLength };
}

function* joined(parts: readonly Uint8Array[], size: number): Generator<void, Buffer<ArrayBuffer>> {
  const all = Buffer.allocUnsafeSlow(size);
  let at = 0;
  let turnAt = copiedBytes;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += copiedBytes) {
      const piece = part.subarray(from, from + copiedBytes);
      all.set(piece, at);
      at += piece.length;
      if (at < turnAt) continue;
      turnAt += copiedBytes;
      yield;
    }
  }
  return all;
}
