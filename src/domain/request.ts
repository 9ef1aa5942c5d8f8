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

/** What every protocol decodes into. Nothing in it needs the model to be known. */
export interface InferRequest {
  readonly model: ModelName;
  /** As written by the client; `undefined` lets the server choose. */
  readonly version: string | undefined;
  readonly id: string | undefined;
  readonly parameters: Parameters;
  readonly inputs: readonly Tensor[];
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
