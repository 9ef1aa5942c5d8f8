import { bytesPerElement } from "../../domain/datatype.ts";
import { badElement, storeOf } from "../../domain/elements.ts";
import type { Values } from "../../domain/request.ts";
import { elementCount, type Tensor, type TensorSpec } from "../../domain/tensor.ts";

/**
 * Values as a tensor of the datatype that an input has. Throws `invalid-request` naming the element
 * that the datatype cannot hold exactly (a float: within its range).
 */
export function typed(spec: TensorSpec, { elements }: Values, shape: readonly number[]): Tensor {
  const { name, datatype } = spec;
  const count = elementCount(shape, name);
  const { bytes, strings, set } = storeOf(datatype, count);
  for (let index = 0; index < count; index += 1) {
    const value = elements[index];
    if (!set(index, value)) throw badElement(spec, index, value);
  }
  if (datatype === "BYTES") return { name, datatype, shape, strings };
  return { name, datatype, shape, bytes: bytes.subarray(0, count * bytesPerElement(datatype)) };
}
