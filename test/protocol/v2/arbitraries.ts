import fc from "fast-check";
import {
  bytesPerElement,
  type Datatype,
  datatypes,
  type FixedDatatype,
} from "../../../src/domain/datatype.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferResponse, ParameterValue } from "../../../src/domain/request.ts";
import type { FixedTensor, Tensor } from "../../../src/domain/tensor.ts";
import type { TensorHead } from "../../../src/protocol/checks.ts";

/** Tensors and their parts, for the tests of every codec. */

export type Element = boolean | number | bigint | string;

const model = parseModelName("m");

export function headOf(datatype: Datatype, shape: readonly number[], name = "x"): TensorHead {
  return { name, datatype, shape, model };
}

/** Elements as bytes by JavaScript's own arrays; BF16's elements are given as FP32. */
export function bytesOfElements(
  datatype: FixedDatatype,
  elements: readonly Element[],
): Uint8Array<ArrayBuffer> {
  const size = bytesPerElement(datatype);
  const bytes = new Uint8Array(elements.length * size);
  const view = new DataView(bytes.buffer);
  for (const [index, element] of elements.entries()) put[datatype](view, index * size, element);
  return bytes;
}

type Put = (view: DataView, at: number, value: Element) => void;

const put: Readonly<Record<FixedDatatype, Put>> = {
  BOOL: (view, at, value) => view.setUint8(at, Number(value)),
  UINT8: (view, at, value) => view.setUint8(at, Number(value)),
  UINT16: (view, at, value) => view.setUint16(at, Number(value), true),
  UINT32: (view, at, value) => view.setUint32(at, Number(value), true),
  UINT64: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  INT8: (view, at, value) => view.setInt8(at, Number(value)),
  INT16: (view, at, value) => view.setInt16(at, Number(value), true),
  INT32: (view, at, value) => view.setInt32(at, Number(value), true),
  INT64: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  FP16: (view, at, value) => view.setFloat16(at, Number(value), true),
  FP32: (view, at, value) => view.setFloat32(at, Number(value), true),
  FP64: (view, at, value) => view.setFloat64(at, Number(value), true),
  BF16: (view, at, value) => writeUpperHalf(view, at, Number(value)),
};

/** The upper half of an FP32 whose lower half is zero. */
function writeUpperHalf(view: DataView, at: number, number: number): void {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, number);
  view.setUint16(at, bits.getUint16(0), true);
}

/** NaNs differ in bits that no text keeps. */
const canonicalNaN = (number: number) => (Number.isNaN(number) ? Number.NaN : number);

/** An FP32 that BF16 holds as it is. */
export const brainFloat = fc.integer({ min: 0, max: 0xffff }).map((half) => {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setUint16(0, half);
  return canonicalNaN(bits.getFloat32(0));
});

export const halfFloat = fc.integer({ min: 0, max: 0xffff }).map((half) => {
  const bits = new DataView(new ArrayBuffer(2));
  bits.setUint16(0, half);
  return canonicalNaN(bits.getFloat16(0));
});

/** Text that ONNX Runtime's binding takes: valid Unicode without NUL. */
export const plainText = fc
  .string({ unit: "binary", maxLength: 12 })
  .map((text) => text.replaceAll("\0", ""));

const longs = (min: bigint, max: bigint) =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n));
const integers = (min: number, max: number) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0));

/** An element that its datatype holds as it is. */
export const elementOf: Readonly<Record<Datatype, fc.Arbitrary<Element>>> = {
  BOOL: fc.boolean(),
  UINT8: integers(0, 2 ** 8 - 1),
  UINT16: integers(0, 2 ** 16 - 1),
  UINT32: integers(0, 2 ** 32 - 1),
  UINT64: longs(0n, 2n ** 64n - 1n),
  INT8: integers(-(2 ** 7), 2 ** 7 - 1),
  INT16: integers(-(2 ** 15), 2 ** 15 - 1),
  INT32: integers(-(2 ** 31), 2 ** 31 - 1),
  INT64: longs(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: halfFloat,
  FP32: fc.float(),
  FP64: fc.double(),
  BF16: brainFloat,
  BYTES: plainText,
};

export const shape = fc.array(fc.nat(3), { maxLength: 3 });
export const tensorName = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
export const modelName = fc.constantFrom("m", "iris v1.2", "größe", "模型");

export interface Content {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly elements: readonly Element[];
}

export function contentOf(...of: readonly Datatype[]): fc.Arbitrary<Content> {
  return fc.record({ datatype: fc.constantFrom(...of), shape }).chain(({ datatype, shape }) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return fc
      .array(elementOf[datatype], { minLength: count, maxLength: count })
      .map((elements) => ({ datatype, shape, elements }));
  });
}

export const content = contentOf(...datatypes);

export function tensorOf(name: string, { datatype, shape, elements }: Content): Tensor {
  if (datatype === "BYTES") return { name, datatype, shape, strings: elements.map(String) };
  return { name, datatype, shape, bytes: bytesOfElements(datatype, elements) };
}

/** As raw contents have it. */
export function rawOf({ datatype, elements }: Content): Uint8Array {
  if (datatype !== "BYTES") return bytesOfElements(datatype, elements);
  const parts = elements.map((element) => {
    const text = Buffer.from(String(element));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text]);
  });
  return Buffer.concat(parts);
}

/** An element as JSON, with the widenings that thaw takes and gives. */
function jsonOf(element: Element): string {
  if (typeof element === "string") return JSON.stringify(element);
  return Object.is(element, -0) ? "-0.0" : String(element);
}

/** The items of a flat JSON array. */
export function flatJson({ elements }: Content): string {
  return elements.map(jsonOf).join(",");
}

/** JSON arrays nested as the shape is; a scalar is in one array, as `data` must be. */
export function nestedJson({ shape, elements }: Content): string {
  let level = elements.map(jsonOf);
  for (const dim of shape.toReversed()) {
    if (dim === 0) return "[]";
    const above: string[] = [];
    for (let at = 0; at < level.length; at += dim) {
      above.push(`[${level.slice(at, at + dim).join(",")}]`);
    }
    level = above;
  }
  return shape.length === 0 ? `[${level.join(",")}]` : level.join(",");
}

/** A tensor whose bytes can be compared, be they a Buffer or not. */
export function comparable(tensor: Tensor): object {
  if (tensor.datatype === "BYTES") return tensor;
  return { ...tensor, bytes: Buffer.from(tensor.bytes).toString("hex") };
}

/** The same elements at an odd offset of a larger buffer. */
export function unaligned(tensor: FixedTensor): FixedTensor {
  const bytes = new Uint8Array(tensor.bytes.byteLength + 1).subarray(1);
  bytes.set(tensor.bytes);
  return { ...tensor, bytes };
}

/** Keys that a plain object of proto-loader can have. */
export const parameterKey = fc
  .string({ unit: "binary", maxLength: 8 })
  .filter((key) => key !== "__proto__" && key !== "classification");

/** A parameter as its proto field, and as the request has it. */
export interface Parameter {
  readonly message: Readonly<Record<string, unknown>>;
  readonly value: ParameterValue;
}

const narrowed = (integer: bigint): number | bigint =>
  integer >= -(2n ** 53n) + 1n && integer < 2n ** 53n ? Number(integer) : integer;

export const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  fc.boolean().map((value) => ({ message: { bool_param: value }, value })),
  elementOf.INT64.map(BigInt).map((value) => ({
    message: { int64_param: String(value) },
    value: narrowed(value),
  })),
  fc.string({ unit: "binary" }).map((value) => ({ message: { string_param: value }, value })),
  fc.double().map((value) => ({ message: { double_param: value }, value })),
  elementOf.UINT64.map(BigInt).map((value) => ({
    message: { uint64_param: String(value) },
    value: narrowed(value),
  })),
);

export const parameters = fc
  .uniqueArray(fc.tuple(parameterKey, parameter), { maxLength: 3, selector: ([key]) => key })
  .map((entries) => ({
    messages: Object.fromEntries(entries.map(([key, { message }]) => [key, message])),
    values: new Map(entries.map(([key, { value }]) => [key, value])),
  }));

export const response: fc.Arbitrary<InferResponse> = fc.record({
  model: modelName.map(parseModelName),
  version: fc.integer({ min: 1, max: 999_999 }),
  id: fc.option(fc.string({ unit: "binary", minLength: 1 }), { nil: undefined }),
  outputs: fc.array(
    fc.tuple(tensorName, content).map(([name, content]) => tensorOf(name, content)),
    {
      maxLength: 3,
    },
  ),
});
