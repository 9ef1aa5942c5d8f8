import { bytesPerElement } from "../../domain/datatype.ts";
import { badElement, storeOf } from "../../domain/elements.ts";
import { conformElements } from "../../domain/limits.ts";
import type { Values } from "../../domain/request.ts";
import { elementCount, type Tensor, type TensorSpec } from "../../domain/tensor.ts";

/**
 * Values as a tensor of the datatype that an input has; yields between so many elements. Throws
 * `invalid-request` naming the element that the datatype cannot hold: an integer exactly, a float
 * within its range.
 */
export function* typed(
  spec: TensorSpec,
  { elements }: Values,
  shape: readonly number[],
): Generator<void, Tensor> {
  const { name, datatype } = spec;
  const count = elementCount(shape, name);
  if (datatype === "FP64" && elements instanceof Float64Array) {
    return { name, datatype, shape, bytes: bytesOf(elements) };
  }
  if (datatype === "FP32" && elements instanceof Float64Array) {
    return { name, datatype, shape, bytes: bytesOf(yield* singles(spec, elements)) };
  }
  const { bytes, strings, set } = storeOf(datatype, count);
  for (let index = 0; index < count; index += 1) {
    if (index > 0 && index % conformElements === 0) yield;
    const value = elements[index];
    if (!set(index, value)) throw badElement(spec, index, value);
  }
  if (datatype === "BYTES") return { name, datatype, shape, strings };
  return { name, datatype, shape, bytes: bytes.subarray(0, count * bytesPerElement(datatype)) };
}

/** Many at once, since large bodies have millions. */
function* singles(spec: TensorSpec, doubles: Float64Array): Generator<void, Float32Array> {
  const rounded = new Float32Array(doubles.length);
  for (let from = 0; from < rounded.length; from += conformElements) {
    if (from > 0) yield;
    const to = Math.min(from + conformElements, rounded.length);
    rounded.set(doubles.subarray(from, to), from);
    for (let index = from; index < to; index += 1) {
      const single = rounded[index] ?? 0;
      if (single - single === 0) continue;
      const double = doubles[index] ?? 0;
      if (Number.isFinite(double)) throw badElement(spec, index, double);
    }
  }
  return rounded;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
