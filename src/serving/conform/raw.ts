import { isUtf8 } from "node:buffer";
import { bytesPerElement, type Datatype } from "../../domain/datatype.ts";
import { checkedString } from "../../domain/elements.ts";
import { invalid, type ServingError } from "../../domain/error.ts";
import { elementCount, type Tensor, type TensorSpec } from "../../domain/tensor.ts";

/**
 * Triton's raw binary request: the body is the only input. Its shape has at most one free
 * dimension, or a free first one that is 1 and another; a BYTES input is one element. Throws
 * `invalid-request`.
 */
export function fromRaw(bytes: Uint8Array, inputs: readonly TensorSpec[], model: string): Tensor {
  const [spec] = inputs;
  if (spec === undefined || inputs.length > 1) {
    throw invalid(
      "Raw request must only have 1 input (found 1) to be deduced but got " +
        `${inputs.length} inputs in model '${model}'`,
    );
  }
  if (spec.datatype === "BYTES") return onlyString(spec, bytes);
  const { name, datatype } = spec;
  const shape = deducedShape(spec, datatype, bytes.byteLength);
  if (datatype === "BOOL" && bytes.some((byte) => byte > 1)) {
    throw invalid(`input '${name}' holds a BOOL byte that is neither 0 nor 1`);
  }
  return { name, datatype, shape, bytes };
}

function onlyString({ name, shape }: TensorSpec, bytes: Uint8Array): Tensor {
  if (shape?.some((dim) => dim !== 1 && dim !== -1)) {
    throw invalid(`For BYTE datatype raw input '${name}', the model must have input shape [1]`);
  }
  if (!isUtf8(bytes)) {
    throw invalid(`input '${name}' holds a BYTES element that is not valid UTF-8`);
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const ones = (shape ?? [1]).map(() => 1);
  return { name, datatype: "BYTES", shape: ones, strings: [checkedString(text, name)] };
}

function deducedShape(
  spec: TensorSpec,
  datatype: Exclude<Datatype, "BYTES">,
  byteLength: number,
): number[] {
  const shape = [...(spec.shape ?? [-1])];
  // A free first dimension counts requests, of which this is one.
  if (shape.length > 1 && shape[0] === -1) shape[0] = 1;
  const free = shape.indexOf(-1);
  if (free !== shape.lastIndexOf(-1)) {
    throw invalid(
      `The shape of the raw input '${spec.name}' can not be deduced because there are more than ` +
        "one variable-sized dimension",
    );
  }
  const size = bytesPerElement(datatype);
  if (free !== -1) {
    shape[free] = 1;
    const each = elementCount(shape, spec.name) * size;
    shape[free] = each === 0 ? 0 : Math.floor(byteLength / each);
  }
  const expected = elementCount(shape, spec.name) * size;
  if (expected !== byteLength) throw wrongSize(spec.name, expected, byteLength);
  return shape;
}

function wrongSize(name: string, expected: number, got: number): ServingError {
  return invalid(
    `input byte size mismatch for raw input '${name}'. Expected ${expected}, got ${got}`,
  );
}
