import { type Datatype, isDatatype } from "../domain/datatype.ts";
import { invalid, ServingError } from "../domain/error.ts";
import {
  idBytesMax,
  inputsMax,
  outputsMax,
  parametersMax,
  tensorNameBytesMax,
} from "../domain/limits.ts";
import type { ModelName } from "../domain/model.ts";
import type { Parameters, RequestedOutput } from "../domain/request.ts";
import { clip } from "../domain/text.ts";

/** What can be judged of a request without its model, for every protocol alike. */

/** An input before its elements: checked name and datatype, and the model it is meant for. */
export interface TensorHead {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly model: ModelName;
}

export function checkedName(name: string, what: string): string {
  if (name === "") throw invalid(`${what} must have a non-empty 'name'`);
  if (Buffer.byteLength(name) > tensorNameBytesMax) {
    throw invalid(`the name of ${what} is longer than ${tensorNameBytesMax} bytes`);
  }
  return name;
}

export function checkedDatatype(text: string, name: string): Datatype {
  if (isDatatype(text)) return text;
  throw invalid(`invalid datatype '${clip(text)}' of input '${clip(name)}'`);
}

export function checkedId(id: string): string {
  if (Buffer.byteLength(id) <= idBytesMax) return id;
  throw invalid(`'id' is longer than ${idBytesMax} bytes`);
}

/** Refuses what asks for Triton's extensions that are not offered: nothing else could be right. */
export function refuseExtensions(parameters: Parameters, what: string): void {
  if (parameters.has("classification")) {
    throw invalid(`${what}: the classification extension is not supported`);
  }
  if (parameters.has("shared_memory_region")) {
    throw invalid(
      `${what}: the shared memory extensions are not supported; send the tensor itself`,
    );
  }
}

/** Refuses `count` above what a request may hold of `what`. */
export function checkCount(count: number, what: "inputs" | "outputs" | "parameters"): void {
  const max = { inputs: inputsMax, outputs: outputsMax, parameters: parametersMax }[what];
  if (count > max)
    throw invalid(`the request has ${count} ${what}, but at most ${max} are allowed`);
}

export function checkDistinctInputs(inputs: readonly { readonly name: string }[]): void {
  const name = repeated(inputs);
  if (name !== undefined) throw invalid(`input '${clip(name)}' already exists in request`);
}

export function checkDistinctOutputs(outputs: readonly RequestedOutput[]): void {
  const name = repeated(outputs);
  if (name !== undefined) throw invalid(`output '${clip(name)}' already exists in request`);
}

function repeated(named: readonly { readonly name: string }[]): string | undefined {
  if (named.length < 2) return undefined;
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

/** A response that is larger than the server gives; it may be given up before all is counted. */
export function responseTooLarge(bytes: number, bytesMax: number): ServingError {
  return new ServingError(
    "too-large",
    `the response has at least ${bytes} bytes, but at most ${bytesMax} are allowed; ask for ` +
      "fewer outputs",
  );
}
