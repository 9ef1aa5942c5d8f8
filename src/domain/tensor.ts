import { bytesPerElement, type Datatype, type FixedDatatype } from "./datatype.ts";
import { invalid } from "./error.ts";
import { elementsMax, rankMax } from "./limits.ts";
import { clip } from "./text.ts";

/**
 * A tensor of numbers or booleans. `bytes` holds its elements little-endian, row-major, without
 * padding; it may be an unaligned view into a larger buffer.
 */
export interface FixedTensor {
  readonly name: string;
  readonly datatype: FixedDatatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A BYTES tensor: one string for each element, row-major. */
export interface StringTensor {
  readonly name: string;
  readonly datatype: "BYTES";
  readonly shape: readonly number[];
  readonly strings: readonly string[];
}

export type Tensor = FixedTensor | StringTensor;

/**
 * The number of elements that `shape` spans; 1 for a scalar, 0 with any zero dimension.
 * Throws `invalid-request` for a bad dimension, too high a rank, or more than `elementsMax`.
 */
export function elementCount(shape: readonly number[], name: string): number {
  if (shape.length > rankMax) {
    throw invalid(
      `shape of '${clip(name)}' has ${shape.length} dimensions, but at most ${rankMax} are allowed`,
    );
  }
  let count = 1;
  let zero = false;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw invalid(
        `Unable to parse 'shape' of '${clip(name)}': expected non-negative integers, got ${dim}`,
      );
    }
    if (dim === 0) zero = true;
    else count *= dim;
    if (count > elementsMax) {
      throw invalid(
        `shape [${shape.join(",")}] of '${clip(name)}' causes total element count to exceed ` +
          `maximum size of ${elementsMax}`,
      );
    }
  }
  return zero ? 0 : count;
}

/** The size in bytes of a tensor of fixed-size elements. Throws as `elementCount` does. */
export function byteCount(datatype: FixedDatatype, shape: readonly number[], name: string): number {
  return elementCount(shape, name) * bytesPerElement(datatype);
}

/** How many elements a tensor has. */
export function elementsIn(tensor: Tensor): number {
  if (tensor.datatype === "BYTES") return tensor.strings.length;
  return tensor.bytes.byteLength / bytesPerElement(tensor.datatype);
}

/** How much memory a tensor's elements hold, in bytes; strings count two for each UTF-16 unit. */
export function tensorBytes(tensor: Tensor): number {
  if (tensor.datatype !== "BYTES") return tensor.bytes.byteLength;
  let bytes = 0;
  for (const text of tensor.strings) bytes += 16 + 2 * text.length;
  return bytes;
}

/** What a model says of one of its inputs or outputs; −1 stands for a free dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** `null` where the model leaves even the rank open. */
  readonly shape: readonly number[] | null;
  /** The names of the columns of an output, where the model has them: its classes. */
  readonly labels?: readonly string[];
}
