import { type Datatype, isDatatype } from "../../domain/datatype.ts";
import { assert, ServingError } from "../../domain/error.ts";
import {
  elementsMax,
  inputsMax,
  jsonDepthMax,
  jsonSliceBytes,
  rankMax,
} from "../../domain/limits.ts";
import type { InferRequest } from "../../domain/request.ts";
import { elementCount, type Tensor } from "../../domain/tensor.ts";
import type { JsonObject, JsonValue } from "../../wire/json.ts";
import { type ArraySink, type Claim, type JsonPath, JsonScanner } from "../../wire/json-scanner.ts";
import type { TensorHead } from "../checks.ts";
import { Elements } from "./elements.ts";
import { type InferTarget, inWords, isObject, readRequest } from "./json.ts";

/**
 * `decodeInfer` for large JSON: in slices, from bytes, and with the elements of `data` put straight
 * into the memory of their tensor. Nothing is judged here; that is `readRequest`'s part.
 */

/**
 * Decodes valid UTF-8, then the binary tensors; yields between slices of about `sliceBytes`. Throws
 * what `decodeInfer` throws.
 */
export function* scanInfer(
  target: InferTarget,
  json: Buffer,
  binary: Buffer,
  sliceBytes = jsonSliceBytes,
): Generator<void, InferRequest> {
  const arrays = new Arrays();
  const scanner = new JsonScanner(json, jsonDepthMax, (path, owner) => arrays.claim(path, owner));
  while (!inWords(() => scanner.step(sliceBytes))) yield;
  const body = scanner.value;
  // What came before its datatype is read now that this is known.
  for (const array of arrays.unread(body)) {
    yield;
    const again = new JsonScanner(
      json.subarray(array.start, array.stop),
      jsonDepthMax,
      () => array,
    );
    while (!again.step(sliceBytes)) yield;
  }
  return readRequest(target, body, binary, (head, placeholder) =>
    arrays.of(placeholder).tensor(head),
  );
}

/** What a request does not use is checked, but not kept. */
const requestKeys: ReadonlySet<string | undefined> = new Set([
  "id",
  "inputs",
  "outputs",
  "parameters",
]);
const inputKeys: ReadonlySet<string | undefined> = new Set([
  "name",
  "datatype",
  "shape",
  "parameters",
  "data",
]);

/** The `data` of a request's inputs. */
class Arrays {
  readonly #arrays = new WeakMap<JsonValue[], ScannedArray>();
  #claims = 0;

  claim(path: JsonPath, owner: JsonObject | undefined): Claim {
    if (owner === undefined) return "build";
    if (path.length === 1) return requestKeys.has(path[0]) ? "build" : "skip";
    if (path.length !== 3 || path[0] !== "inputs" || path[1] !== undefined) return "build";
    if (path[2] !== "data") return inputKeys.has(path[2]) ? "build" : "skip";
    this.#claims += 1;
    // More arrays than inputs are allowed may be refused, or be there in vain.
    return this.#add([], this.#claims > inputsMax ? undefined : owner);
  }

  /** Empties the arrays whose elements are to be read again, for what their inputs say of them. */
  *unread(body: JsonValue): Generator<ScannedArray> {
    const inputs = isObject(body) ? body["inputs"] : undefined;
    if (!Array.isArray(inputs) || inputs.length > inputsMax) return;
    for (const input of inputs) {
      if (!isObject(input)) continue;
      const placeholder = input["data"];
      if (!Array.isArray(placeholder)) continue;
      const array = this.of(placeholder);
      if (array.suits(input)) continue;
      const again = this.#add(placeholder, input);
      again.end(array.start, array.stop);
      yield again;
    }
  }

  of(placeholder: JsonValue[]): ScannedArray {
    const array = this.#arrays.get(placeholder);
    assert(array !== undefined, "an array was not scanned");
    return array;
  }

  #add(placeholder: JsonValue[], input: JsonObject | undefined): ScannedArray {
    const array = new ScannedArray(placeholder, input);
    this.#arrays.set(placeholder, array);
    return array;
  }
}

/** One `data`: where its text is, and its elements if the datatype was known when it came. */
class ScannedArray implements ArraySink {
  readonly placeholder: JsonValue[];
  readonly single: boolean;
  start = 0;
  stop = 0;
  readonly #datatype: Datatype | undefined;
  readonly #bound: number;
  readonly #elements: Elements | undefined;

  /** For an input as far as it is known; `undefined` to keep the place of the text only. */
  constructor(placeholder: JsonValue[], input: JsonObject | undefined) {
    this.placeholder = placeholder;
    this.#datatype = input === undefined ? undefined : datatypeOf(input);
    this.#bound = input === undefined ? 0 : boundOf(input);
    // BF16 is rounded from FP32; FP16 from the number itself.
    this.single = this.#datatype === "FP32" || this.#datatype === "BF16";
    if (this.#datatype !== undefined) this.#elements = new Elements(this.#datatype, this.#bound);
  }

  numbers(run: Float64Array, count: number): void {
    this.#elements?.numbers(run, count);
  }

  value(value: JsonValue): void {
    this.#elements?.value(value);
  }

  end(start: number, end: number): void {
    this.start = start;
    this.stop = end;
  }

  /** Whether nothing that came after the array makes another tensor of it. */
  suits(input: JsonObject): boolean {
    const datatype = datatypeOf(input);
    if (datatype === undefined) return true;
    return datatype === this.#datatype && this.#bound >= boundOf(input);
  }

  tensor(head: TensorHead): Tensor {
    assert(this.#elements !== undefined, "an array was read for no datatype");
    return this.#elements.tensor(head);
  }
}

function datatypeOf(input: JsonObject): Datatype | undefined {
  const text = input["datatype"];
  return typeof text === "string" && isDatatype(text) ? text : undefined;
}

/** How many elements a good input has at most: none where its shape will be refused. */
function boundOf(input: JsonObject): number {
  const shape = input["shape"];
  if (!Array.isArray(shape)) return elementsMax;
  if (shape.length > rankMax) return 0;
  try {
    const dims = shape.map((dim) => (typeof dim === "number" ? dim : Number.NaN));
    return elementCount(dims, "");
  } catch (error) {
    if (error instanceof ServingError) return 0;
    throw error;
  }
}
