import { quoteValue } from "../../domain/elements.ts";
import { invalid } from "../../domain/error.ts";
import { jsonDepthMax } from "../../domain/limits.ts";
import type { ModelName } from "../../domain/model.ts";
import {
  type InferRequest,
  type InferResponse,
  noParameters,
  type Parameters,
  type ParameterValue,
  type RequestedOutput,
} from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import {
  JsonDepthError,
  JsonError,
  type JsonObject,
  type JsonValue,
  parseJson,
} from "../../wire/json.ts";
import {
  checkCount,
  checkDistinctInputs,
  checkDistinctOutputs,
  checkedDatatype,
  checkedId,
  checkedName,
  refuseExtensions,
  type TensorHead,
} from "../checks.ts";
import { readRaw } from "./raw.ts";
import { readValues, writeValues } from "./values.ts";

/**
 * V2 REST's inference request and response (Open Inference Protocol, "Inference Request JSON
 * Object"), with the binary tensor extension: `parameters.binary_data_size` stands for bytes that
 * follow the JSON.
 */

/** Where a request is sent, by its path. */
export interface InferTarget {
  readonly model: ModelName;
  readonly version: string | undefined;
}

/** Reads an input's elements, once all else that can be judged of it was. */
export type ReadElements = (head: TensorHead, array: JsonValue[]) => Tensor;

/** Decodes a body: JSON, then the binary tensors. Throws `invalid-request` only. */
export function decodeInfer(target: InferTarget, json: string, binary: Buffer): InferRequest {
  const body = inWords(() => parseJson(json, jsonDepthMax));
  return readRequest(target, body, binary, readValues);
}

/** A request from its parsed JSON. Throws `invalid-request` only. */
export function readRequest(
  target: InferTarget,
  body: JsonValue,
  binary: Buffer,
  elements: ReadElements,
): InferRequest {
  if (!isObject(body)) {
    throw invalid("failed to parse the request JSON buffer: expected an object");
  }
  const source = new BinarySource(binary, target.model);
  const list = field(body, "inputs", isArray, "an array");
  if (list === undefined) throw invalid("Unable to find 'inputs' in the request JSON");
  checkCount(list.length, "inputs");
  const inputs = list.map((value) => readInput(target.model, value, source, elements));
  checkDistinctInputs(inputs);
  source.finish();
  const outputs = (field(body, "outputs", isArray, "an array") ?? []).map(readOutput);
  checkCount(outputs.length, "outputs");
  checkDistinctOutputs(outputs);
  const id = field(body, "id", isString, "a string");
  return {
    ...target,
    id: id === undefined ? undefined : checkedId(id),
    parameters: readParameters(body, "the request"),
    inputs: { kind: "tensors", tensors: inputs },
    outputs,
  };
}

/** Runs a parser; what it says of a text that is no JSON goes to the client. */
export function inWords<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof JsonDepthError) throw invalid(error.message);
    if (!(error instanceof JsonError)) throw error;
    throw invalid(`failed to parse the request JSON buffer: ${error.message}`);
  }
}

function readInput(
  model: ModelName,
  value: JsonValue,
  source: BinarySource,
  elements: ReadElements,
): Tensor {
  if (!isObject(value)) throw invalid("each of 'inputs' must be an object");
  const name = checkedName(required(value, "name", "an input"), "an input");
  const quoted = `input '${clip(name)}'`;
  const datatype = checkedDatatype(required(value, "datatype", quoted), name);
  const shape = readShape(value, quoted);
  const head: TensorHead = { name, datatype, shape, model };
  const parameters = readParameters(value, quoted);
  refuseExtensions(parameters, quoted);
  const size = parameters.get("binary_data_size");
  const data = field(value, "data", isArray, "an array", quoted);
  if (size === undefined) {
    if (data === undefined) throw invalid(`${quoted} has no 'data' and no 'binary_data_size'`);
    return elements(head, data);
  }
  if (data !== undefined) {
    throw invalid(
      "Input must set only one of the following fields: 'data', 'binary_data_size' in " +
        `'parameters'. But ${quoted} set both`,
    );
  }
  return readRaw(head, source.take(name, size));
}

/** The bytes behind the JSON, taken in the order of the inputs. */
class BinarySource {
  readonly #bytes: Buffer;
  readonly #model: ModelName;
  #at = 0;

  constructor(bytes: Buffer, model: ModelName) {
    this.#bytes = bytes;
    this.#model = model;
  }

  take(name: string, size: ParameterValue): Buffer {
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0) {
      throw invalid(`'binary_data_size' of input '${clip(name)}' must be a non-negative integer`);
    }
    const rest = this.#bytes.length - this.#at;
    if (size > rest) {
      throw invalid(
        `unexpected size for input '${clip(name)}', expecting ${size - rest} additional bytes ` +
          `for model '${this.#model}'`,
      );
    }
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  finish(): void {
    const rest = this.#bytes.length - this.#at;
    if (rest > 0) {
      throw invalid(
        `unexpected additional input data for model '${this.#model}': ${rest} bytes belong to no ` +
          "input",
      );
    }
  }
}

function readShape(object: JsonObject, what: string): number[] {
  const shape = field(object, "shape", isArray, "an array", what);
  if (shape === undefined) throw invalid(`${what} has no 'shape'`);
  return shape.map((dim) => {
    if (typeof dim === "number" && Number.isInteger(dim) && dim >= 0) return dim;
    if (typeof dim === "bigint" && dim >= 0n) return Number(dim);
    throw invalid(
      `Unable to parse 'shape' of ${what}: expected non-negative integers, ` +
        `got ${quoteValue(dim)}`,
    );
  });
}

function readOutput(value: JsonValue): RequestedOutput {
  if (!isObject(value)) throw invalid("each of 'outputs' must be an object");
  const name = checkedName(required(value, "name", "an output"), "an output");
  const quoted = `output '${clip(name)}'`;
  const parameters = readParameters(value, quoted);
  refuseExtensions(parameters, quoted);
  return { name, parameters };
}

function readParameters(object: JsonObject, what: string): Parameters {
  const source = field(object, "parameters", isObject, "an object", what);
  if (source === undefined) return noParameters;
  const parameters = new Map<string, ParameterValue>();
  for (const [key, value] of Object.entries(source)) {
    if (value === null || typeof value === "object") {
      throw invalid(`parameter '${clip(key)}' of ${what} must be a string, a number or a boolean`);
    }
    parameters.set(key, value);
  }
  checkCount(parameters.size, "parameters");
  return parameters;
}

function required(object: JsonObject, key: string, what: string): string {
  const text = field(object, key, isString, "a string", what);
  if (text === undefined) throw invalid(`${what} has no '${key}'`);
  return text;
}

/** A field by its type; absent and null are the same. Throws where it has another type. */
function field<T extends JsonValue>(
  object: JsonObject,
  key: string,
  is: (value: JsonValue) => value is T,
  expected: string,
  what = "the request",
): T | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  if (value === undefined || value === null) return undefined;
  if (is(value)) return value;
  throw invalid(`'${key}' of ${what} must be ${expected}`);
}

function isString(value: JsonValue): value is string {
  return typeof value === "string";
}

function isArray(value: JsonValue): value is JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where a binary output's `binary_data_size` goes, or `undefined` for data as JSON. */
export type BinarySize = (tensor: Tensor, index: number) => number | undefined;

/** The response's JSON; `binarySize` says which outputs leave their data to the bytes behind. */
export function encodeInfer(response: InferResponse, binarySize: BinarySize): string {
  let json = "";
  for (const part of inferParts(response, binarySize, (tensor) => [writeValues(tensor)])) {
    json += part;
  }
  return json;
}

/** The response's JSON in parts, the values of an output in those that `values` makes of them. */
export function* inferParts(
  response: InferResponse,
  binarySize: BinarySize,
  values: (tensor: Tensor) => Iterable<string>,
): Generator<string> {
  const id = response.id === undefined ? "" : `"id":${JSON.stringify(response.id)},`;
  yield `{${id}"model_name":${JSON.stringify(response.model)},` +
    `"model_version":"${response.version}","outputs":[`;
  for (const [index, tensor] of response.outputs.entries()) {
    yield `${index === 0 ? "" : ","}{"name":${JSON.stringify(tensor.name)},` +
      `"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(",")}],`;
    const size = binarySize(tensor, index);
    if (size === undefined) {
      yield '"data":[';
      yield* values(tensor);
      yield "]}";
    } else yield `"parameters":{"binary_data_size":${size}}}`;
  }
  yield "]}";
}
