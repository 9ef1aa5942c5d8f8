import { bytesPerElement, type FixedDatatype } from "../domain/datatype.ts";
import type { Tensor, TensorSpec } from "../domain/tensor.ts";

/** Rows to try a graph with. */

/** What the elements of a row are like. */
export type RowKind = "ordinary" | "large" | "negative" | "zero" | "missing";

export interface RowPlan {
  readonly kind: RowKind;
  readonly seed: number;
  /** What free dimensions behind the first are. */
  readonly free: number;
}

/** One row for an input. */
export function probeRow({ name, datatype, shape }: TensorSpec, plan: RowPlan): Tensor {
  const dims = [1, ...(shape ?? []).slice(1).map((dim) => (dim === -1 ? plan.free : dim))];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const random = generator(plan.seed);
  const { kind, seed } = plan;
  // Rows after one another differ in what they begin with, whatever chance says.
  const bit = (index: number) => (index === 0 ? seed % 2 : Number(random() >= 0.5));
  if (datatype === "BYTES") {
    const textOf = (index: number) => (bit(index) === 0 ? "a" : "b");
    const strings = Array.from({ length: count }, (_, index) =>
      kind === "ordinary" ? textOf(index) : texts[kind],
    );
    return { name, datatype, shape: dims, strings };
  }
  const size = bytesPerElement(datatype);
  const bytes = new Uint8Array(count * size);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index += 1) {
    const integer = kind === "ordinary" ? bit(index) : integers[kind];
    writers[datatype](view, index * size, floatOf(kind, random()), integer);
  }
  return { name, datatype, shape: dims, bytes };
}

const largeNumber = 1e4;

function floatOf(kind: RowKind, random: number): number {
  switch (kind) {
    case "ordinary":
      return random * 2 - 1;
    case "large":
      return (random + 1) * largeNumber;
    case "negative":
      return -(random + 1) * largeNumber;
    case "zero":
      return 0;
    case "missing":
      return Number.NaN;
    default:
      return kind satisfies never;
  }
}

/** Ordinary integers are 0 or 1, so that they stay inside the smallest table. */
const integers: Readonly<Record<Exclude<RowKind, "ordinary">, number>> = {
  large: 100,
  negative: -1,
  zero: 0,
  missing: 7,
};
const texts: Readonly<Record<Exclude<RowKind, "ordinary">, string>> = {
  large: "two words and more, of them all",
  negative: "-1.5",
  zero: "",
  missing: "é",
};

type Write = (view: DataView, at: number, float: number, integer: number) => void;

const writers: Readonly<Record<FixedDatatype, Write>> = {
  BOOL: (view, at, _, integer) => view.setUint8(at, Number(integer !== 0)),
  UINT8: (view, at, _, integer) => view.setInt8(at, integer),
  UINT16: (view, at, _, integer) => view.setInt16(at, integer, true),
  UINT32: (view, at, _, integer) => view.setInt32(at, integer, true),
  UINT64: (view, at, _, integer) => view.setBigInt64(at, BigInt(integer), true),
  INT8: (view, at, _, integer) => view.setInt8(at, integer),
  INT16: (view, at, _, integer) => view.setInt16(at, integer, true),
  INT32: (view, at, _, integer) => view.setInt32(at, integer, true),
  INT64: (view, at, _, integer) => view.setBigInt64(at, BigInt(integer), true),
  FP16: (view, at, float) => view.setFloat16(at, float, true),
  FP32: (view, at, float) => view.setFloat32(at, float, true),
  FP64: (view, at, float) => view.setFloat64(at, float, true),
  BF16: (view, at, float) => view.setUint16(at, brainFloatOf(float), true),
};

/** The upper half of the FP32. */
function brainFloatOf(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0) >>> 16;
}

/** Numerical Recipes' linear congruential generator: the same rows at every load. */
function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `rows`: for each row a tensor for each input. */
export function joinedRows(
  inputs: readonly TensorSpec[],
  rows: readonly (readonly Tensor[])[],
): Tensor[] {
  return inputs.map(({ name, datatype }, index) => {
    const parts = rows.flatMap((row) => row[index] ?? []);
    const shape = [parts.length, ...(parts[0]?.shape.slice(1) ?? [])];
    if (datatype === "BYTES") {
      const strings = parts.flatMap((part) => (part.datatype === "BYTES" ? part.strings : []));
      return { name, datatype, shape, strings };
    }
    const pieces = parts.flatMap((part) => (part.datatype === "BYTES" ? [] : [part.bytes]));
    return { name, datatype, shape, bytes: new Uint8Array(Buffer.concat(pieces)) };
  });
}
