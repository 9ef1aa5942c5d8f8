import type { Tensor, TensorSpec } from "../../src/domain/tensor.ts";
import { type Graph, type GraphNode, tensorOf, writeModel } from "../../src/formats/onnx/writer.ts";

/** Graphs that keep the rows of a batch apart, and graphs that mix them, each in its own way. */

const x = (shape: readonly number[]): TensorSpec => ({ name: "x", datatype: "FP32", shape });
const y = (shape: readonly number[]): TensorSpec => ({ name: "y", datatype: "FP32", shape });
const ints = (name: string, values: readonly number[]) =>
  tensorOf(name, "INT64", [values.length], BigInt64Array.from(values, BigInt));

function weights(name: string, rows: number, columns: number): Tensor {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7) / 2);
  return tensorOf(name, "FP32", [rows, columns], values);
}

interface Parts {
  readonly nodes: readonly GraphNode[];
  readonly initializers?: readonly Tensor[];
  readonly inputs?: readonly TensorSpec[];
  readonly outputs?: readonly TensorSpec[];
}

function model({ nodes, initializers = [], inputs, outputs }: Parts): Uint8Array {
  const graph: Graph = {
    name: "rows",
    nodes,
    initializers,
    inputs: inputs ?? [x([-1, 4])],
    outputs: outputs ?? [y([-1, 4])],
  };
  return writeModel(graph, { opsets: { "": 17 } });
}

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: GraphNode["attributes"] = {},
): GraphNode => ({ op, inputs, outputs: [output], attributes });

export const batchableModels: Readonly<Record<string, () => Uint8Array>> = {
  embedding: () =>
    model({
      nodes: [node("Gather", ["table", "x"], "y")],
      initializers: [weights("table", 2, 3)],
      inputs: [{ name: "x", datatype: "INT64", shape: [-1, -1] }],
      outputs: [y([-1, -1, 3])],
    }),
  strings: () =>
    model({
      nodes: [node("Identity", ["x"], "y")],
      inputs: [{ name: "x", datatype: "BYTES", shape: [-1, 2] }],
      outputs: [{ name: "y", datatype: "BYTES", shape: [-1, 2] }],
    }),
  mlp: () =>
    model({
      nodes: [
        node("MatMul", ["x", "w1"], "h"),
        node("Relu", ["h"], "r"),
        node("MatMul", ["r", "w2"], "s"),
        node("Softmax", ["s"], "y", { axis: { int: 1 } }),
      ],
      initializers: [weights("w1", 4, 8), weights("w2", 8, 4)],
    }),
  half: () =>
    model({
      nodes: [node("Mul", ["x", "x"], "y")],
      inputs: [{ name: "x", datatype: "FP16", shape: [-1, 3] }],
      outputs: [{ name: "y", datatype: "FP16", shape: [-1, 3] }],
    }),
};

export const singleModels: Readonly<Record<string, () => Uint8Array>> = {
  "ReduceMean over the batch": () =>
    model({
      nodes: [
        node("ReduceMean", ["x"], "m", { axes: { ints: [0] }, keepdims: { int: 1 } }),
        node("Sub", ["x", "m"], "y"),
      ],
    }),
  "CumSum over the batch": () =>
    model({
      nodes: [node("CumSum", ["x", "axis"], "y")],
      initializers: [tensorOf("axis", "INT64", [], BigInt64Array.of(0n))],
    }),
  "Reshape into another number of rows": () =>
    model({
      nodes: [node("Reshape", ["x", "shape"], "y")],
      initializers: [ints("shape", [-1, 2])],
      outputs: [y([-1, 2])],
    }),
  "Softmax over the batch": () =>
    model({ nodes: [node("Softmax", ["x"], "y", { axis: { int: 0 } })] }),
  "a fixed batch": () =>
    model({ nodes: [node("Identity", ["x"], "y")], inputs: [x([1, 4])], outputs: [y([1, 4])] }),
  "rows in reverse": () =>
    model({
      nodes: [node("Slice", ["x", "starts", "ends", "axes", "steps"], "y")],
      initializers: [
        ints("starts", [-1]),
        ints("ends", [-(2 ** 31)]),
        ints("axes", [0]),
        ints("steps", [-1]),
      ],
    }),
  "normalisation over the batch": () =>
    model({
      nodes: [
        node("ReduceMean", ["x"], "m", { axes: { ints: [0] }, keepdims: { int: 1 } }),
        node("Sub", ["x", "m"], "d"),
        node("Mul", ["d", "d"], "q"),
        node("ReduceMean", ["q"], "v", { axes: { ints: [0] }, keepdims: { int: 1 } }),
        node("Add", ["v", "one"], "p"),
        node("Sqrt", ["p"], "r"),
        node("Div", ["d", "r"], "y"),
      ],
      initializers: [tensorOf("one", "FP32", [1], Float32Array.of(1))],
    }),
  "a scalar beside the rows": () =>
    model({
      nodes: [
        node("Identity", ["x"], "y"),
        node("ReduceSum", ["x"], "total", { keepdims: { int: 0 } }),
      ],
      outputs: [y([-1, 4]), { name: "total", datatype: "FP32", shape: [] }],
    }),
};
