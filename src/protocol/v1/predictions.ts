import { bytesPerElement } from "../../domain/datatype.ts";
import { jsonSliceElements, responseBytesMax } from "../../domain/limits.ts";
import type { InferRequest, InferResponse } from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { gathered } from "../sliced.ts";
import { checkSize } from "../v2/binary.ts";
import { isLargeTensor, jsonBytesMin, valueParts } from "../v2/values.ts";

/**
 * V1's answers: `predictions`, one for each row, to rows; `outputs` to columns. One output is its
 * values alone, several are an object by name. As in TensorFlow Serving, strings of an output whose
 * name ends in `_bytes` are written in base64.
 */

export function isLargePrediction({ outputs }: InferResponse): boolean {
  const lists = outputs.reduce((sum, tensor) => sum + listsOf(tensor), 0);
  return lists > jsonSliceElements || outputs.some(isLargeTensor);
}

/** How many lists a tensor's values are in, of which each takes its time too, even without any. */
function listsOf({ shape }: Tensor): number {
  let lists = 1;
  let all = 1;
  for (const dim of shape.slice(0, -1)) {
    lists *= dim;
    all += lists;
  }
  return all;
}

/** Throws `too-large`. */
export function encodePredictions(response: InferResponse, request: InferRequest): string {
  let json = "";
  for (const part of parts(response, request)) json += part;
  checkSize(json.length, responseBytesMax);
  return json;
}

/** As `encodePredictions`, in slices and into bytes. */
export function* encodeLargePredictions(
  response: InferResponse,
  request: InferRequest,
  bytesMax = responseBytesMax,
): Generator<void, Uint8Array<ArrayBuffer>> {
  checkSize(
    response.outputs.reduce((bytes, tensor) => bytes + jsonBytesMin(tensor), 0),
    bytesMax,
  );
  return (yield* gathered(parts(response, request), [], bytesMax)).body;
}

function* parts({ outputs }: InferResponse, { inputs }: InferRequest): Generator<string> {
  const [only] = outputs;
  if (inputs.kind === "rows") {
    yield '{"predictions":';
    if (outputs.length === 1 && only !== undefined) yield* nested(only, 0, 0);
    else yield* objects(outputs);
  } else {
    yield '{"outputs":';
    if (outputs.length === 1 && only !== undefined) yield* nested(only, 0, 0);
    else yield* byName(outputs, (tensor) => nested(tensor, 0, 0));
  }
  yield "}";
}

/** An object of all outputs for each row. */
function* objects(outputs: readonly Tensor[]): Generator<string> {
  const rows = outputs[0]?.shape[0] ?? 0;
  yield "[";
  for (let row = 0; row < rows; row += 1) {
    if (row > 0) yield ",";
    yield* byName(outputs, (tensor) => nested(tensor, 1, row * sizeOf(tensor, 1)));
  }
  yield "]";
}

function* byName(
  outputs: readonly Tensor[],
  values: (tensor: Tensor) => Iterable<string>,
): Generator<string> {
  for (const [index, tensor] of outputs.entries()) {
    yield `${index === 0 ? "{" : ","}${JSON.stringify(tensor.name)}:`;
    yield* values(tensor);
  }
  yield outputs.length === 0 ? "{}" : "}";
}

/** The elements from the one at `from` on, as lists for the dimensions from `axis` on. */
function* nested(tensor: Tensor, axis: number, from: number): Generator<string> {
  const { shape } = tensor;
  const rest = shape.length - axis;
  if (rest === 0) yield* elements(tensor, from, 1);
  else if (rest === 1) {
    yield "[";
    yield* elements(tensor, from, shape[axis] ?? 0);
    yield "]";
  } else {
    const size = sizeOf(tensor, axis + 1);
    for (let index = 0; index < (shape[axis] ?? 0); index += 1) {
      yield index === 0 ? "[" : ",";
      yield* nested(tensor, axis + 1, from + index * size);
    }
    yield shape[axis] === 0 ? "[]" : "]";
  }
}

/** How many elements the dimensions from `axis` on have. */
function sizeOf({ shape }: Tensor, axis: number): number {
  let size = 1;
  for (let at = axis; at < shape.length; at += 1) size *= shape[at] ?? 0;
  return size;
}

function elements(tensor: Tensor, from: number, count: number): Iterable<string> {
  if (tensor.datatype !== "BYTES") {
    const size = bytesPerElement(tensor.datatype);
    return valueParts({
      ...tensor,
      bytes: tensor.bytes.subarray(from * size, (from + count) * size),
    });
  }
  const strings = tensor.strings.slice(from, from + count);
  return tensor.name.endsWith("_bytes") ? inBase64(strings) : valueParts({ ...tensor, strings });
}

function* inBase64(strings: readonly string[]): Generator<string> {
  for (const [index, text] of strings.entries()) {
    yield `${index === 0 ? "" : ","}{"b64":"${Buffer.from(text).toString("base64")}"}`;
  }
}
