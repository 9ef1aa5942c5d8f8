import type { Datatype, FixedDatatype } from "../../domain/datatype.ts";
import { bytesPerElement } from "../../domain/datatype.ts";
import { assert, invalid } from "../../domain/error.ts";
import { elementCount, type Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import type { JsonValue } from "../../wire/json.ts";
import { checkedString, isPlainString, type TensorHead } from "../checks.ts";
import { stringCountError } from "./raw.ts";

type Setter = (index: number, value: JsonValue) => boolean;

/**
 * The elements of a tensor in the making, one by one or in runs. What is wrong with them is kept
 * until the tensor's head is known, since much else of a request is judged before its elements.
 */
export class Elements {
  /** How many elements were given, be they good or not. */
  #given = 0;
  #bad: { readonly index: number; readonly value: JsonValue } | undefined;
  readonly #datatype: Datatype;
  /** Elements from here on are counted only: they are more than the shape has. */
  readonly #bound: number;
  #store: Store;

  /** `sure`: of how many elements it is known that they will come. */
  constructor(datatype: Datatype, bound: number, sure = 0) {
    this.#datatype = datatype;
    this.#bound = bound;
    this.#store = storeOf(datatype, Math.min(sure, bound));
  }

  /** The next elements. */
  numbers(run: Float64Array, count: number): void {
    const start = this.#given;
    this.#given += count;
    if (this.#bad !== undefined) return;
    const end = Math.min(this.#given, this.#bound);
    this.#reserve(end);
    const { set } = this.#store;
    for (let index = start; index < end; index += 1) {
      const value = run[index - start] ?? 0;
      if (set(index, value)) continue;
      this.#fail(index, value);
      return;
    }
  }

  /** The next element. */
  value(value: JsonValue): void {
    const index = this.#given;
    this.#given += 1;
    if (this.#bad !== undefined || index >= this.#bound) return;
    this.#reserve(this.#given);
    if (!this.#store.set(index, value)) this.#fail(index, value);
  }

  /** The tensor. Throws `invalid-request` where elements, their number and the head do not fit. */
  tensor(head: TensorHead): Tensor {
    const { name, datatype, shape } = head;
    const count = elementCount(shape, name);
    assert(datatype === this.#datatype && count <= this.#bound, "elements of another tensor");
    if (datatype !== "BYTES" && this.#given < count) throw tooFew(head, this.#given);
    if (this.#bad !== undefined && this.#bad.index < count) {
      throw badElement(head, this.#bad.index, this.#bad.value);
    }
    if (this.#given > count) throw tooMany(head);
    if (datatype !== "BYTES") {
      const bytes = this.#store.bytes.subarray(0, count * bytesPerElement(datatype));
      return { name, datatype, shape, bytes };
    }
    if (this.#given < count) throw stringCountError(name, head.model, count, this.#given);
    return { name, datatype, shape, strings: this.#store.strings };
  }

  /** Room grows with the elements that came, not with those that a shape claims. */
  #reserve(count: number): void {
    const { bytes, capacity } = this.#store;
    if (count <= capacity) return;
    const store = storeOf(this.#datatype, Math.min(this.#bound, Math.max(count, 2 * capacity)));
    store.bytes.set(bytes);
    this.#store = store;
  }

  /** Nothing becomes of the others. */
  #fail(index: number, value: JsonValue): void {
    this.#bad = { index, value };
    this.#store = storeOf(this.#datatype, 0);
  }
}

/** Room for `capacity` elements, and the way to put one into it: false if it does not fit. */
interface Store {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly strings: readonly string[];
  readonly set: Setter;
}

const noStrings: readonly string[] = [];
const noBytes = new Uint8Array(0);

function storeOf(datatype: Datatype, capacity: number): Store {
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

type FixedStore = Pick<Store, "bytes" | "set">;

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
function floats(array: Float16Array | Float32Array | Float64Array): FixedStore {
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
  // A string that is none for ONNX Runtime has reasons of its own.
  if (head.datatype === "BYTES" && typeof value === "string") checkedString(value, head.name);
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
