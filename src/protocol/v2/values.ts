import type { FixedDatatype } from "../../domain/datatype.ts";
import { invalid } from "../../domain/error.ts";
import { elementCount, type FixedTensor, type Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import type { JsonValue } from "../../wire/json.ts";
import { checkedString, type TensorHead } from "../checks.ts";
import { readString, stringCountError } from "./raw.ts";

/** Tensors as JSON arrays: `data` in, flat or nested in any way, and flat `data` out. */

/** Puts the elements of `data` into a tensor. Throws `invalid-request` naming the bad element. */
export function readValues(head: TensorHead, data: JsonValue[]): Tensor {
  return readElements(head, data, leafCount(data));
}

/** As `readValues`, of any source of values that holds `leaves` elements in all. */
export function readElements(head: TensorHead, data: Iterable<JsonValue>, leaves: number): Tensor {
  const { name, datatype, shape } = head;
  const count = elementCount(shape, name);
  if (datatype === "BYTES") return { name, datatype, shape, strings: readTexts(head, data, count) };
  // Counted before there is room for them, so a lying shape costs no memory.
  if (leaves < count) throw tooFew(head, leaves);
  const elements = elementsOf(datatype, count);
  fill(data, 0, count, head, elements.set);
  return { name, datatype, shape, bytes: elements.bytes };
}

function leafCount(data: readonly JsonValue[]): number {
  let count = 0;
  for (const value of data) count += Array.isArray(value) ? leafCount(value) : 1;
  return count;
}

type Setter = (index: number, value: JsonValue) => boolean;

/** Walks nested arrays in row-major order; returns the index after the last element. */
function fill(
  values: Iterable<JsonValue>,
  start: number,
  count: number,
  head: TensorHead,
  set: Setter,
): number {
  let index = start;
  for (const value of values) {
    if (Array.isArray(value)) {
      index = fill(value, index, count, head, set);
      continue;
    }
    if (index >= count) throw tooMany(head);
    if (!set(index, value)) throw badElement(head, index, value);
    index += 1;
  }
  return index;
}

function readTexts(head: TensorHead, data: Iterable<JsonValue>, count: number): string[] {
  // An array of the size that the data has, not of the size that the shape claims.
  const strings: string[] = [];
  const filled = fill(data, 0, count, head, (_, value) => {
    if (typeof value !== "string") return false;
    strings.push(checkedString(value, head.name));
    return true;
  });
  if (filled !== count) throw stringCountError(head.name, head.model, count, filled);
  return strings;
}

interface Elements {
  readonly bytes: Uint8Array;
  readonly set: Setter;
}

/** Room for `count` elements, and the way to put a JSON value into it: false if it does not fit. */
function elementsOf(datatype: FixedDatatype, count: number): Elements {
  switch (datatype) {
    case "BOOL":
      return booleans(count);
    case "INT8":
      return integers(new Int8Array(count), -(2 ** 7), 2 ** 7 - 1);
    case "INT16":
      return integers(new Int16Array(count), -(2 ** 15), 2 ** 15 - 1);
    case "INT32":
      return integers(new Int32Array(count), -(2 ** 31), 2 ** 31 - 1);
    case "UINT8":
      return integers(new Uint8Array(count), 0, 2 ** 8 - 1);
    case "UINT16":
      return integers(new Uint16Array(count), 0, 2 ** 16 - 1);
    case "UINT32":
      return integers(new Uint32Array(count), 0, 2 ** 32 - 1);
    case "INT64":
      return longIntegers(new BigInt64Array(count), -(2n ** 63n), 2n ** 63n - 1n);
    case "UINT64":
      return longIntegers(new BigUint64Array(count), 0n, 2n ** 64n - 1n);
    case "FP16":
      return floats(new Float16Array(count));
    case "FP32":
      return floats(new Float32Array(count));
    case "FP64":
      return floats(new Float64Array(count));
    case "BF16":
      return brainFloats(count);
    default:
      return datatype satisfies never;
  }
}

function booleans(count: number): Elements {
  const bytes = new Uint8Array(count);
  const set: Setter = (index, value) => {
    if (value === true || value === 1) bytes[index] = 1;
    else if (value !== false && value !== 0) return false;
    return true;
  };
  return { bytes, set };
}

type IntegerArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

function integers(array: IntegerArray, min: number, max: number): Elements {
  const set: Setter = (index, value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return false;
    if (value < min || value > max) return false;
    array[index] = value;
    return true;
  };
  return { bytes: bytesOf(array), set };
}

function longIntegers(array: BigInt64Array | BigUint64Array, min: bigint, max: bigint): Elements {
  const set: Setter = (index, value) => {
    if (typeof value !== "number" && typeof value !== "bigint") return false;
    if (typeof value === "number" && !Number.isInteger(value)) return false;
    const integer = BigInt(value);
    if (integer < min || integer > max) return false;
    array[index] = integer;
    return true;
  };
  return { bytes: bytesOf(array), set };
}

/** Refuses a finite number that the datatype could only hold as an infinity. */
function floats(array: Float16Array | Float32Array | Float64Array): Elements {
  const set: Setter = (index, value) => {
    if (typeof value !== "number" && typeof value !== "bigint") return false;
    const number = Number(value);
    array[index] = number;
    return Number.isFinite(array[index]) || !isFiniteValue(value);
  };
  return { bytes: bytesOf(array), set };
}

/** A bigint is finite even where it becomes an infinity as a number. */
function isFiniteValue(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isFinite(value);
}

/** BF16 is the upper half of an FP32, rounded to nearest, ties to even. */
function brainFloats(count: number): Elements {
  const halves = new Uint16Array(count);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const set: Setter = (index, value) => {
    if (typeof value !== "number" && typeof value !== "bigint") return false;
    const number = Number(value);
    float[0] = number;
    const whole = bits[0] ?? 0;
    halves[index] = Number.isNaN(number) ? 0x7fc0 : (whole + 0x7fff + ((whole >>> 16) & 1)) >>> 16;
    return !isFiniteValue(value) || ((halves[index] ?? 0) & 0x7fff) < 0x7f80;
  };
  return { bytes: bytesOf(halves), set };
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The elements of a tensor as the text between the brackets of a flat JSON array. */
export function writeValues(tensor: Tensor): string {
  if (tensor.datatype === "BYTES") {
    return tensor.strings.map((text) => JSON.stringify(text)).join(",");
  }
  const values = viewOf(tensor);
  let text = "";
  if (tensor.datatype === "BOOL") {
    for (const value of values) text += value === 0 ? ",false" : ",true";
  } else {
    // Numbers as JavaScript writes them: shortest text that reads back the same; NaN and ±Infinity
    // by name, as Triton and Python write them. Only a float can be −0.
    for (const value of values) text += Object.is(value, -0) ? ",-0.0" : `,${value}`;
  }
  return text.slice(1);
}

type Numbers = Iterable<number | bigint>;

/** The elements as numbers. A view where the bytes are aligned, else of a copy. */
function viewOf({ datatype, bytes }: FixedTensor): Numbers {
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return bytes;
    case "INT8":
      return new Int8Array(...region(bytes, 1));
    case "INT16":
      return new Int16Array(...region(bytes, 2));
    case "UINT16":
      return new Uint16Array(...region(bytes, 2));
    case "FP16":
      return new Float16Array(...region(bytes, 2));
    case "BF16":
      return widened(new Uint16Array(...region(bytes, 2)));
    case "INT32":
      return new Int32Array(...region(bytes, 4));
    case "UINT32":
      return new Uint32Array(...region(bytes, 4));
    case "FP32":
      return new Float32Array(...region(bytes, 4));
    case "INT64":
      return new BigInt64Array(...region(bytes, 8));
    case "UINT64":
      return new BigUint64Array(...region(bytes, 8));
    case "FP64":
      return new Float64Array(...region(bytes, 8));
    default:
      return datatype satisfies never;
  }
}

function region(bytes: Uint8Array, size: number): [ArrayBufferLike, number, number] {
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return [aligned.buffer, aligned.byteOffset, aligned.byteLength / size];
}

function widened(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

/** BYTES elements that arrive as bytes instead of JSON strings. */
export function readTextElements(head: TensorHead, elements: Iterable<Buffer>): Tensor {
  const { name, shape, model } = head;
  const count = elementCount(shape, name);
  const strings: string[] = [];
  let got = 0;
  for (const element of elements) {
    got += 1;
    if (got <= count) strings.push(readString(name, element));
  }
  if (got !== count) throw stringCountError(name, model, count, got);
  return { name, datatype: "BYTES", shape, strings };
}

function tooFew(head: TensorHead, got: number): Error {
  return invalid(
    `Failed to parse 'data' field: shape does not match true shape of 'data' field: input ` +
      `'${clip(head.name)}' has shape [${head.shape.join(",")}], but ${got} elements`,
  );
}

function tooMany(head: TensorHead): Error {
  return invalid(
    `Unable to parse 'data': Shape does not match true shape of 'data' field: input ` +
      `'${clip(head.name)}' has shape [${head.shape.join(",")}], but more elements`,
  );
}

function badElement(head: TensorHead, index: number, value: JsonValue): Error {
  return invalid(
    `Unable to parse 'data': element ${index} of input '${clip(head.name)}' is ` +
      `${quoteValue(value)}, expected ${expectedElement[head.datatype]}`,
  );
}

/** A value as an error shows it. */
export function quoteValue(value: JsonValue): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const shown = clip(String(value), 40);
  return typeof value === "string" ? `"${shown}"` : shown;
}

const expectedElement: Readonly<Record<TensorHead["datatype"], string>> = {
  BOOL: "true or false for BOOL",
  UINT8: "an integer from 0 to 255 for UINT8",
  UINT16: "an integer from 0 to 65535 for UINT16",
  UINT32: "an integer from 0 to 4294967295 for UINT32",
  UINT64: "an integer from 0 to 18446744073709551615 for UINT64",
  INT8: "an integer from -128 to 127 for INT8",
  INT16: "an integer from -32768 to 32767 for INT16",
  INT32: "an integer from -2147483648 to 2147483647 for INT32",
  INT64: "an integer from -9223372036854775808 to 9223372036854775807 for INT64",
  FP16: "a number from -65504 to 65504 for FP16",
  FP32: "a number within the range of FP32",
  FP64: "a number within the range of FP64",
  BF16: "a number within the range of BF16",
  BYTES: "a string for BYTES",
};
