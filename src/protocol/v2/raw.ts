import { isUtf8 } from "node:buffer";
import { checkedString } from "../../domain/elements.ts";
import { invalid, type ServingError } from "../../domain/error.ts";
import { byteCount, elementCount, type Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import type { TensorHead } from "../checks.ts";

/**
 * Tensors as bytes, as the binary tensor extension and gRPC's raw contents have them:
 * little-endian, row-major, no padding; a BYTES element is a uint32 length and its bytes.
 */

const lengthBytes = 4;

/** A tensor over `bytes`, without copying. Throws `invalid-request` where bytes ≠ shape. */
export function readRaw(head: TensorHead, bytes: Uint8Array): Tensor {
  const { name, datatype, shape } = head;
  if (datatype === "BYTES") return { name, datatype, shape, strings: readStrings(head, bytes) };
  const expected = byteCount(datatype, shape, name);
  if (bytes.byteLength !== expected) {
    throw invalid(
      `input byte size mismatch for input '${clip(name)}' for model '${head.model}'. ` +
        `Expected ${expected}, got ${bytes.byteLength}`,
    );
  }
  if (datatype === "BOOL" && bytes.some((byte) => byte > 1)) {
    throw invalid(`input '${clip(name)}' holds a BOOL byte that is neither 0 nor 1`);
  }
  return { name, datatype, shape, bytes };
}

function readStrings({ name, shape, model }: TensorHead, bytes: Uint8Array): string[] {
  const count = elementCount(shape, name);
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Each element takes four bytes at least, so a lying shape costs no memory.
  if (count * lengthBytes > source.length)
    throw stringCountError(name, model, count, stringsIn(source));
  const strings = new Array<string>(count);
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + lengthBytes > source.length)
      throw stringCountError(name, model, count, stringsIn(source));
    const length = source.readUInt32LE(at);
    at += lengthBytes;
    if (length > source.length - at) {
      throw invalid(
        `incomplete string data for inference input '${clip(name)}': element ${index} has a ` +
          `length of ${length} bytes, but ${source.length - at} bytes remain`,
      );
    }
    strings[index] = readString(name, source.subarray(at, at + length));
    at += length;
  }
  if (at !== source.length) {
    throw invalid(
      `unexpected additional input data for input '${clip(name)}': ${source.length - at} bytes ` +
        `after ${count} string elements for model '${model}'`,
    );
  }
  return strings;
}

/** One BYTES element as text. Throws `invalid-request` where it is no text. */
export function readString(name: string, bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    throw invalid(`input '${clip(name)}' holds a BYTES element that is not valid UTF-8`);
  }
  return checkedString(bytes.toString("utf8"), name);
}

/** BYTES elements that do not fill the shape, or more than fill it. */
export function stringCountError(
  name: string,
  model: string,
  expected: number,
  got: number,
): ServingError {
  return invalid(
    `expected ${expected} string elements for inference input '${clip(name)}' for model ` +
      `'${model}', got ${got}`,
  );
}

function stringsIn(source: Buffer): number {
  let count = 0;
  for (let at = 0; at + lengthBytes <= source.length; count += 1) {
    at += lengthBytes + source.readUInt32LE(at);
  }
  return count;
}

/** The bytes of a tensor; fixed-size elements are not copied. */
export function writeRaw(tensor: Tensor): Uint8Array {
  if (tensor.datatype !== "BYTES") return tensor.bytes;
  let size = 0;
  for (const text of tensor.strings) size += lengthBytes + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const text of tensor.strings) {
    const length = bytes.write(text, at + lengthBytes, "utf8");
    bytes.writeUInt32LE(length, at);
    at += lengthBytes + length;
  }
  return bytes;
}
