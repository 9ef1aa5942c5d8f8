import type { ModelName } from "./model.ts";
import type { Tensor } from "./tensor.ts";

/** A parameter of a request or tensor; 64-bit integers that a double cannot hold are bigints. */
export type ParameterValue = string | number | bigint | boolean;
export type Parameters = ReadonlyMap<string, ParameterValue>;

/** An output that a request asks for by name. */
export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** One value as its client wrote it; integers that a double cannot hold are bigints. */
export type Scalar = null | boolean | number | bigint | string;

/** Elements, row-major, whose datatype is left to the model. */
export interface Values {
  readonly shape: readonly number[];
  /** Doubles where every element is one, else each as it was written. */
  readonly elements: Float64Array | readonly Scalar[];
}

/** What was given under one name, stacked: the first dimension counts the rows that have it. */
export interface NamedValues {
  readonly name: string;
  readonly values: Values;
  /** Of lists of different lengths each one's; the values are then all of them in one list. */
  readonly lengths?: readonly number[];
  /** Which rows these are, in ascending order; `undefined` for all. */
  readonly rows: readonly number[] | undefined;
}

export function isNamed(values: Values | readonly NamedValues[]): values is readonly NamedValues[] {
  return Array.isArray(values);
}

/**
 * The inputs of a request in the form in which they came. `serving/conform` alone makes tensors of
 * them that a model takes.
 */
export type Inputs =
  /** Named and typed by the client: V2. */
  | { readonly kind: "tensors"; readonly tensors: readonly Tensor[] }
  /** One value, or one object of named values, for each row: V1's `instances`. */
  | {
      readonly kind: "rows";
      readonly count: number;
      readonly values: Values | readonly NamedValues[];
      /** Whether an instance was a list of objects, each of them a row of a data frame. */
      readonly framed: boolean;
    }
  /** All rows of an input together: V1's columnar `inputs`. */
  | { readonly kind: "columns"; readonly values: Values | readonly NamedValues[] }
  /** The elements of the only input, without a word about them: V2's raw binary request. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

/** What every protocol decodes into. Nothing in it needs the model to be known. */
export interface InferRequest {
  readonly model: ModelName;
  /** As written by the client; `undefined` lets the server choose. */
  readonly version: string | undefined;
  readonly id: string | undefined;
  readonly parameters: Parameters;
  readonly inputs: Inputs;
  /** Empty: every output of the model, in its order. */
  readonly outputs: readonly RequestedOutput[];
}

/** What every protocol encodes from. */
export interface InferResponse {
  readonly model: ModelName;
  readonly version: number;
  readonly id: string | undefined;
  /** In the order in which the outputs were asked for. */
  readonly outputs: readonly Tensor[];
}

export const noParameters: Parameters = new Map();

/** A client's own time limit: the request parameter `timeout`, in µs; ms here. */
export function timeoutParameterMs(parameters: Parameters): number | undefined {
  const value = parameters.get("timeout");
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  const micros = Number(value);
  return micros > 0 ? micros / 1_000 : undefined;
}
