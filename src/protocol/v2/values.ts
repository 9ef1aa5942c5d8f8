import { bytesPerElement } from "../../domain/datatype.ts";
import { type Numbers, numbersOf } from "../../domain/elements.ts";
import { jsonSliceBytes, jsonSliceElements } from "../../domain/limits.ts";
import { elementCount, elementsIn, type Tensor } from "../../domain/tensor.ts";
import type { JsonValue } from "../../wire/json.ts";
import type { TensorHead } from "../checks.ts";
import { Elements } from "./elements.ts";
import { readString, stringCountError } from "./raw.ts";

/** Tensors as JSON arrays: `data` in, flat or nested in any way, and flat `data` out. */

/** Puts the elements of `data` into a tensor. Throws `invalid-request` naming the bad element. */
export function readValues(head: TensorHead, data: JsonValue[]): Tensor {
  return readElements(head, data, leafCount(data));
}

/** As `readValues`, of any source of values that holds `leaves` elements in all. */
export function readElements(head: TensorHead, data: Iterable<JsonValue>, leaves: number): Tensor {
  const elements = new Elements(head.datatype, elementCount(head.shape, head.name), leaves);
  fill(data, elements);
  return elements.tensor(head);
}

function leafCount(data: readonly JsonValue[]): number {
  let count = 0;
  for (const value of data) count += Array.isArray(value) ? leafCount(value) : 1;
  return count;
}

/** Walks nested arrays in row-major order. */
function fill(values: Iterable<JsonValue>, elements: Elements): void {
  for (const value of values) {
    if (Array.isArray(value)) fill(value, elements);
    else elements.value(value);
  }
}

/** The elements of a tensor as the text between the brackets of a flat JSON array. */
export function writeValues(tensor: Tensor): string {
  if (tensor.datatype === "BYTES") {
    return tensor.strings.map((text) => JSON.stringify(text)).join(",");
  }
  const values = numbersOf(tensor);
  const plain = tensor.datatype === "BOOL" ? undefined : plainNumbers(values);
  // V8 writes an array faster than it joins its numbers.
  if (plain !== undefined) return JSON.stringify(plain).slice(1, -1);
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

/** The elements as an array, if each of them is written in JSON as it is here. */
function plainNumbers(values: Numbers): number[] | undefined {
  const plain: number[] = [];
  for (const value of values) {
    if (typeof value === "bigint" || !Number.isFinite(value) || Object.is(value, -0))
      return undefined;
    plain.push(value);
  }
  return plain;
}

/** As `writeValues`, in parts of about a slice. */
export function* valueParts(tensor: Tensor): Generator<string> {
  if (tensor.datatype === "BYTES") {
    yield* textParts(tensor.strings);
    return;
  }
  const { bytes, datatype } = tensor;
  const step = jsonSliceElements * bytesPerElement(datatype);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const text = writeValues({ ...tensor, bytes: bytes.subarray(at, at + step) });
    yield at === 0 ? text : `,${text}`;
  }
}

function* textParts(strings: readonly string[]): Generator<string> {
  let text = "";
  for (const [index, string] of strings.entries()) {
    text += index === 0 ? '"' : ',"';
    for (let at = 0; at < string.length; ) {
      let end = at + jsonSliceBytes;
      // Not between the halves of a pair, which alone would be written as escapes.
      if (isHighSurrogate(string.charCodeAt(end - 1))) end += 1;
      text += JSON.stringify(string.slice(at, end)).slice(1, -1);
      at = end;
      if (text.length < jsonSliceBytes) continue;
      yield text;
      text = "";
    }
    text += '"';
  }
  yield text;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

/** The least that a tensor can take as JSON, in bytes. */
export function jsonBytesMin(tensor: Tensor): number {
  if (tensor.datatype !== "BYTES") return 2 * elementsIn(tensor);
  return tensor.strings.reduce((bytes, text) => bytes + text.length + 3, 0);
}

/** Whether writing a tensor takes more than one slice. */
export function isLargeTensor(tensor: Tensor): boolean {
  if (elementsIn(tensor) > jsonSliceElements) return true;
  return tensor.datatype === "BYTES" && jsonBytesMin(tensor) > jsonSliceBytes;
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
