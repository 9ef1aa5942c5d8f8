import { isDatatype } from "../../src/domain/datatype.ts";
import type { Tensor, TensorSpec } from "../../src/domain/tensor.ts";
import type { ValueSpec } from "../../src/formats/onnx/value-writer.ts";
import {
  type Attribute,
  type Graph,
  type GraphFunction,
  type GraphNode,
  type Initializer,
  type SparseTensor,
  writeModel,
} from "../../src/formats/onnx/writer.ts";
import { type Element, tensor } from "./elements.ts";

/** Graphs in few words, with what to ask them. */

export interface GraphCase {
  readonly name: string;
  readonly model: Uint8Array;
  /** Requests: one tensor for each input. */
  readonly requests: readonly (readonly Tensor[])[];
  /** Whether requests may be merged. */
  readonly verdict: "batchable" | "single";
  /** A graph with the same answers that the binding can take, where it cannot take the model. */
  readonly reference?: Uint8Array;
  /** The answers, where the binding cannot have them. */
  readonly expected?: readonly (readonly Tensor[])[];
}

export interface Parts {
  readonly nodes: readonly GraphNode[];
  readonly initializers?: readonly Initializer[];
  readonly sparse?: readonly SparseTensor[];
  /** `name datatype [dims]`, `?` for an unknown rank, as `x FP32 [-1,4]`. */
  readonly inputs: readonly string[];
  /** As `inputs`, or with a type that is no tensor. */
  readonly outputs: readonly (string | ValueSpec)[];
  readonly requests: readonly (readonly Tensor[])[];
  readonly verdict: GraphCase["verdict"];
  readonly opsets?: Readonly<Record<string, number>>;
  readonly irVersion?: number;
  readonly functions?: readonly GraphFunction[];
}

export const opsets = { "": 21, "ai.onnx.ml": 5, "com.microsoft": 1 };

export function graphCase(name: string, parts: Parts): GraphCase {
  const { requests, verdict, functions = [], irVersion = 10 } = parts;
  const graph = { ...subgraph(parts), name: "graph" };
  const model = writeModel(graph, { opsets: parts.opsets ?? opsets, irVersion, functions });
  return { name, model, requests, verdict };
}

export function subgraph(parts: Omit<Parts, "requests" | "verdict">): Graph {
  return {
    name: "body",
    nodes: parts.nodes,
    initializers: parts.initializers ?? [],
    sparseInitializers: parts.sparse ?? [],
    inputs: parts.inputs.map(spec),
    outputs: parts.outputs.map((one) => (typeof one === "string" ? spec(one) : one)),
  };
}

function spec(text: string): TensorSpec {
  const [name = "", datatype = "", dims = "?"] = text.split(" ");
  if (!isDatatype(datatype)) throw new Error(`no datatype in '${text}'`);
  const shape = dims === "?" ? null : (JSON.parse(dims) as number[]);
  return { name, datatype, shape };
}

const domains: Readonly<Record<string, string>> = { ml: "ai.onnx.ml", ms: "com.microsoft" };

/** `op` or `domain:op`, inputs and outputs separated by spaces. `-` is an input left out. */
export function node(
  op: string,
  inputs: string,
  outputs: string,
  attributes: Readonly<Record<string, Attribute>> = {},
): GraphNode {
  const [name = "", domain] = op.split(":").reverse();
  return {
    op: name,
    inputs: words(inputs).map((word) => (word === "-" ? "" : word)),
    outputs: words(outputs).map((word) => (word === "-" ? "" : word)),
    attributes,
    ...(domain === undefined ? {} : { domain: domains[domain] ?? domain }),
  };
}

function words(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}

export const f32 = (name: string, shape: readonly number[], values: readonly Element[]) =>
  tensor(name, "FP32", shape, values);
export const i64 = (name: string, shape: readonly number[], values: readonly Element[]) =>
  tensor(name, "INT64", shape, values);
export const text = (name: string, shape: readonly number[], values: readonly string[]) =>
  tensor(name, "BYTES", shape, values);

export const int = (value: number): Attribute => ({ int: value });
export const ints = (...values: number[]): Attribute => ({ ints: values });
export const floats = (...values: number[]): Attribute => ({ floats: values });
export const strings = (...values: string[]): Attribute => ({ strings: values });
export const string = (value: string): Attribute => ({ string: value });

/** Values that are no round numbers, the same each time. */
export function wave(count: number, scale = 1): number[] {
  return Array.from({ length: count }, (_, index) =>
    Math.fround(Math.sin(index * 1.7 + 1) * scale),
  );
}
