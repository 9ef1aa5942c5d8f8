import type { Datatype, FixedDatatype } from "./datatype.ts";
import { invalid, type ServingError } from "./error.ts";
import { stringBytesMax } from "./limits.ts";
import type { FixedTensor } from "./tensor.ts";
import { clip } from "./text.ts";

/**
 * What an element of each datatype may be, and where it goes: the one place in which a value that
 * a client wrote becomes a number of a fixed size, or a string.
 */

/** Puts an element into its place; false where the datatype cannot hold it. */
export type Setter = (index: number, value: unknown) => boolean;

/** Room for `capacity` elements, and the way to put one into it: false if it does not fit. */
export interface ElementStore {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly strings: readonly string[];
  readonly set: Setter;
}

const noStrings: readonly string[] = [];
const noBytes = new Uint8Array(0);

export function storeOf(datatype: Datatype, capacity: number): ElementStore {
  if (datatype !== "BYTES") {
    return { capacity, strings: noStrings, ...arrayOf(datatype, capacity) };
  }
  const strings: string[] = [];
  const set: Setter = (_, value) => {
    if (typeof value !== "string" || !isPlainString(value)) return false;
    strings.push(value);
    return true;
  };
  // An array grows by itself.
  return { capacity: Number.POSITIVE_INFINITY, bytes: noBytes, strings, set };
}

type FixedStore = Pick<ElementStore, "bytes" | "set">;

function arrayOf(datatype: FixedDatatype, count: number): FixedStore {
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

function booleans(count: number): FixedStore {
  const bytes = new Uint8Array(count);
  const set: Setter = (index, value) => {
    if (value === true || value === 1) bytes[index] = 1;
    else if (value !== false && value !== 0) return false;
    return true;
  };
  return { bytes, set };
}

type IntegerArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

function integers(array: IntegerArray, min: number, max: number): FixedStore {
  const set: Setter = (index, value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return false;
    if (value < min || value > max) return false;
    array[index] = value;
    return true;
  };
  return { bytes: bytesOf(array), set };
}

function longIntegers(array: BigInt64Array | BigUint64Array, min: bigint, max: bigint): FixedStore {
  const words = new Int32Array(array.buffer);
  const set: Setter = (index, value) => {
    if (typeof value === "number" && Number.isSafeInteger(value) && (value >= 0 || min < 0n)) {
      // Both halves in two's complement, without a bigint in between.
      words[2 * index] = value;
      words[2 * index + 1] = Math.floor(value / 2 ** 32);
      return true;
    }
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
function floats(array: FloatArray): FixedStore {
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
function brainFloats(count: number): FixedStore {
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

/** The elements of a tensor as numbers; integers of 64 bits are bigints. */
export type Numbers = DoubleArray | BigInt64Array | BigUint64Array;
/** Numbers that are doubles without loss. */
export type DoubleArray = IntegerArray | FloatArray;
type FloatArray = Float16Array | Float32Array | Float64Array;

/** A view where the bytes are aligned, else of a copy. */
export function numbersOf({ datatype, bytes }: FixedTensor): Numbers {
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

export function isDoubleArray(cells: Numbers | readonly unknown[]): cells is DoubleArray {
  if (!ArrayBuffer.isView(cells)) return false;
  return !(cells instanceof BigInt64Array || cells instanceof BigUint64Array);
}

function region(bytes: Uint8Array, size: number): [ArrayBufferLike, number, number] {
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return [aligned.buffer, aligned.byteOffset, aligned.byteLength / size];
}

function widened(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

/** Why an element is refused. `index` counts from 0, row-major. */
export function badElement(
  { name, datatype }: { readonly name: string; readonly datatype: Datatype },
  index: number,
  value: unknown,
): ServingError {
  // A string that is none for ONNX Runtime has reasons of its own.
  if (datatype === "BYTES" && typeof value === "string") checkedString(value, name);
  return invalid(
    `Unable to parse 'data': element ${index} of input '${clip(name)}' is ` +
      `${quoteValue(value)}, expected ${expectedElement[datatype]}`,
  );
}

/** A value as an error shows it. */
export function quoteValue(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const shown = clip(String(value), 40);
  return typeof value === "string" ? `"${shown}"` : shown;
}

const expectedElement: Readonly<Record<Datatype, string>> = {
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

/**
 * Strings of up to `stringBytesMax`, as ONNX Runtime's binding takes them. It cuts a string at NUL
 * and replaces lone surrogates (onnxruntime-node 1.30.0), so both are refused rather than answered
 * wrongly.
 */
export function checkedString(text: string, name: string): string {
  const problem = stringProblem(text, `input '${clip(name)}'`);
  if (problem === undefined) return text;
  throw invalid(problem);
}

/** What is wrong with a string that belongs to `owner`, if anything is. */
export function stringProblem(text: string, owner: string): string | undefined {
  if (isTooLong(text)) return `a string of ${owner} is longer than ${stringBytesMax} bytes`;
  if (text.includes("\0")) {
    return `${owner} holds a string with a NUL character, which is unsupported`;
  }
  return text.isWellFormed() ? undefined : `${owner} holds a string that is not valid Unicode`;
}

/** Whether `checkedString` takes it. */
export function isPlainString(text: string): boolean {
  return stringProblem(text, "") === undefined;
}

/** A UTF-16 unit takes at most three bytes of UTF-8; few strings have to be measured. */
function isTooLong(text: string): boolean {
  return text.length > stringBytesMax / 3 && Buffer.byteLength(text) > stringBytesMax;
}
