import { type LoadedModel, parseModelName, type Signature } from "../../../src/domain/model.ts";
import {
  type InferRequest,
  type Inputs,
  type NamedValues,
  noParameters,
  type Parameters,
  type Scalar,
  type Values,
} from "../../../src/domain/request.ts";

/** Requests and models for `conform`, in few words. */

export function modelOf(signature: Signature): LoadedModel {
  const name = parseModelName("m");
  const verdict = { kind: "pending" } as const;
  return { name, version: 1, generation: 1, platform: "test", signature, verdict };
}

export function requestOf(
  inputs: Inputs,
  outputs: readonly string[] = [],
  parameters: Parameters = noParameters,
): InferRequest {
  return {
    model: parseModelName("m"),
    version: undefined,
    id: undefined,
    parameters,
    inputs,
    outputs: outputs.map((name) => ({ name, parameters: noParameters })),
  };
}

export function values(shape: readonly number[], elements: readonly Scalar[]): Values {
  return { shape, elements };
}

export function doubles(shape: readonly number[], ...elements: readonly number[]): Values {
  return { shape, elements: Float64Array.from(elements) };
}

export function named(name: string, own: Values, rows?: readonly number[]): NamedValues {
  return { name, values: own, rows };
}

export function rowsOf(count: number, own: Values | readonly NamedValues[]): Inputs {
  return { kind: "rows", count, values: own, framed: false };
}

export function columnsOf(own: Values | readonly NamedValues[]): Inputs {
  return { kind: "columns", values: own };
}
