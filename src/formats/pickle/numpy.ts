import { arrayDimsMax, arrayFieldsMax } from "../../domain/limits.ts";
import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import type { ArrayElements, NdArray, PyDtype, PyField, PyValue } from "./values.ts";

/** numpy's dtypes and arrays as pickles hold them (numpy/core/src/multiarray/descriptor.c). */

/** A dtype by what numpy calls it: `f8`, `<i4`, `U12`, `O`, `V64`. Throws FormatError. */
export function dtypeOf(text: string): PyDtype {
  const match = /^([<>=|]?)([biufcSUVOMm?])(\d*)(\[.*\])?$/.exec(text);
  if (match === null) throw new FormatError(`the dtype '${clip(text)}' is unknown`);
  const [, order, letter = "", digits = ""] = match;
  const code = letter === "?" ? "b" : letter;
  const count = digits === "" ? (code === "b" ? 1 : 0) : Number(digits);
  // The expression admits no other letters.
  return {
    kind: "dtype",
    code: code as PyDtype["code"],
    itemBytes: code === "U" ? 4 * count : code === "O" ? 8 : count,
    littleEndian: order !== ">",
    fields: [],
  };
}

/** `(version, order, subarray, names, fields, itemsize, alignment, flags)`. */
export function setDtypeState(dtype: PyDtype, state: readonly PyValue[]): void {
  const [, order, subarray, names, fields, itemBytes] = state;
  dtype.littleEndian = order !== ">";
  if (subarray !== null && subarray !== undefined) {
    throw new FormatError("dtypes of subarrays are not supported");
  }
  if (typeof itemBytes === "number" && itemBytes >= 0) dtype.itemBytes = itemBytes;
  if (names === null || names === undefined) return;
  if (typeof names !== "object" || names.kind !== "tuple") throw damaged("a dtype's names");
  if (typeof fields !== "object" || fields?.kind !== "dict") throw damaged("a dtype's fields");
  if (names.items.length > arrayFieldsMax) throw damaged("a dtype's number of fields");
  dtype.fields = names.items.map((name): PyField => {
    const field = fields.entries.get(name);
    if (typeof name !== "string" || typeof field !== "object" || field?.kind !== "tuple") {
      throw damaged("a dtype's field");
    }
    const [own, offset] = field.items;
    if (typeof own !== "object" || own?.kind !== "dtype") throw damaged("a field's dtype");
    if (typeof offset !== "number" || offset < 0 || offset + own.itemBytes > dtype.itemBytes) {
      throw damaged("a field's offset");
    }
    return { name, dtype: own, offset };
  });
}

/** Dimensions, with their product. */
export function shapeOf(value: PyValue | undefined): { shape: number[]; count: number } {
  const items =
    typeof value === "number"
      ? [value]
      : typeof value === "object" && (value?.kind === "tuple" || value?.kind === "list")
        ? value.items
        : undefined;
  if (items === undefined || items.length > arrayDimsMax) throw damaged("an array's shape");
  let count = 1;
  const shape = items.map((dim) => {
    if (typeof dim !== "number" || !Number.isSafeInteger(dim) || dim < 0) {
      throw damaged("an array's shape");
    }
    count *= dim;
    return dim;
  });
  if (!Number.isSafeInteger(count)) throw damaged("an array's shape");
  return { shape, count };
}

export interface RawArray {
  readonly dtype: PyDtype;
  readonly shape: readonly number[];
  readonly count: number;
  /** Column-major. */
  readonly fortran: boolean;
}

/** How many bytes the elements take. Throws where each takes none. */
export function byteLength({ dtype, count }: RawArray): number {
  if (dtype.itemBytes === 0 && count > 0) throw damaged("an array's item size");
  return dtype.itemBytes * count;
}

/** The array whose elements are these bytes. */
export function arrayOf(raw: RawArray, bytes: Uint8Array): NdArray {
  const { dtype, shape, count, fortran } = raw;
  if (bytes.byteLength !== byteLength(raw)) throw damaged("an array's number of bytes");
  const elements = elementsOf(dtype, bytes, count);
  return {
    kind: "array",
    dtype,
    shape,
    elements: fortran && shape.length > 1 ? transposed(elements, shape, dtype) : elements,
  };
}

/** The array of these Python objects. */
export function objectArray(raw: RawArray, items: readonly PyValue[]): NdArray {
  if (items.length !== raw.count) throw damaged("an array's number of objects");
  const { dtype, shape } = raw;
  const elements =
    raw.fortran && shape.length > 1 ? (transposed(items, shape, dtype) as PyValue[]) : items;
  return { kind: "array", dtype, shape, elements };
}

const constructors = {
  f8: Float64Array,
  f4: Float32Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
  b1: Uint8Array,
} as const;

function elementsOf(dtype: PyDtype, bytes: Uint8Array, count: number): ArrayElements {
  const { code, itemBytes } = dtype;
  if (code === "U") return Array.from({ length: count }, (_, at) => unicodeAt(dtype, bytes, at));
  if (code === "S") return Array.from({ length: count }, (_, at) => latinAt(dtype, bytes, at));
  if (code === "V") {
    if (dtype.fields.length === 0) throw new FormatError("an array of raw bytes is not supported");
    if (!dtype.littleEndian) throw new FormatError("big-endian records are not supported");
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  if (code === "f" && itemBytes === 2) {
    const own = new Uint8Array(inOrder(dtype, bytes));
    return Array.from(new Float16Array(own.buffer));
  }
  const key = `${code}${itemBytes}`;
  if (!(key in constructors)) {
    throw new FormatError(`arrays of dtype '${key}' are not supported`);
  }
  // The key was just looked up.
  const Elements = constructors[key as keyof typeof constructors];
  const own = inOrder(dtype, bytes);
  // Views have to begin at a multiple of the item's size.
  const aligned = own.byteOffset % itemBytes === 0 ? own : Uint8Array.from(own);
  return new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
}

/** Little-endian bytes. */
function inOrder({ littleEndian, itemBytes }: PyDtype, bytes: Uint8Array): Uint8Array {
  if (littleEndian || itemBytes === 1) return bytes;
  const own = Buffer.from(bytes);
  if (itemBytes === 2) return own.swap16();
  return itemBytes === 4 ? own.swap32() : own.swap64();
}

function unicodeAt(dtype: PyDtype, bytes: Uint8Array, index: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points: number[] = [];
  for (let at = index * dtype.itemBytes; at < (index + 1) * dtype.itemBytes; at += 4) {
    const point = view.getUint32(at, dtype.littleEndian);
    if (point > 0x10ffff) throw damaged("a character of a text");
    points.push(point);
  }
  while (points.at(-1) === 0) points.pop();
  return points.map((point) => String.fromCodePoint(point)).join("");
}

function latinAt({ itemBytes }: PyDtype, bytes: Uint8Array, index: number): string {
  const own = Buffer.from(bytes.buffer, bytes.byteOffset + index * itemBytes, itemBytes);
  return own.toString("latin1").replace(/\0+$/, "");
}

/** Column-major → row-major. */
function transposed(
  elements: ArrayElements | readonly PyValue[],
  shape: readonly number[],
  dtype: PyDtype,
): ArrayElements {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const from = columnMajor(shape, count);
  if (elements instanceof DataView) {
    const { itemBytes } = dtype;
    const out = new Uint8Array(elements.byteLength);
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    for (const [to, at] of from.entries()) {
      out.set(bytes.subarray(at * itemBytes, (at + 1) * itemBytes), to * itemBytes);
    }
    return new DataView(out.buffer);
  }
  if (Array.isArray(elements)) return Array.from(from, (at) => elements[at]);
  // What is no array of values is one of numbers.
  const source = elements as Float64Array;
  const out = source.slice();
  for (const [to, at] of from.entries()) out[to] = source[at] ?? 0;
  return out;
}

/** Where each element of row-major order stands in column-major order. */
function columnMajor(shape: readonly number[], count: number): Uint32Array {
  const strides: number[] = [];
  let stride = 1;
  for (const dim of shape) {
    strides.push(stride);
    stride *= dim;
  }
  const from = new Uint32Array(count);
  const index = shape.map(() => 0);
  let at = 0;
  for (let to = 0; to < count; to += 1) {
    from[to] = at;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const next = (index[axis] ?? 0) + 1;
      at += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (shape[axis] ?? 0)) break;
      at -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return from;
}

/** A lone element, as Python's own numbers and text. */
export function scalarOf(dtype: PyDtype, bytes: Uint8Array): PyValue {
  const { elements } = arrayOf({ dtype, shape: [], count: 1, fortran: false }, bytes);
  if (elements instanceof DataView) throw new FormatError("a record alone is not supported");
  const value = elements[0] ?? null;
  if (dtype.code === "b") return value === 1;
  return typeof value === "bigint" ? intOf(value) : value;
}

/** An int as a number where that is exact. */
export function intOf(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function damaged(what: string): FormatError {
  return new FormatError(`the file is damaged: ${what} cannot be right`);
}
