import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "../../src/domain/tensor.ts";
import { type GraphNode, tensorOf, writeModel } from "../../src/formats/onnx/writer.ts";
import { temporaryFolder } from "./bundle.ts";
import { type Rows, restBinary } from "./requests.ts";

/** The models to measure with: one that gains by batches, and one that does not. */

export const irisPath = join(import.meta.dirname, "../../models/iris/model.onnx");

/** Small numbers of both signs, so that no activation overflows or dies out. */
function weights(name: string, ...shape: readonly number[]): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, at) => Math.sin(at * 1.7) / 16);
  return tensorOf(name, "FP32", shape, values);
}

function save(name: string, model: Uint8Array): string {
  const path = join(temporaryFolder(), `${name}.onnx`);
  writeFileSync(path, model);
  return path;
}

/** x FP32 [-1, 512] → 1024 → 1024 → y FP32 [-1, 10]: its time goes into reading weights. */
export function saveMlp(): string {
  const layer = (op: string, inputs: readonly string[], output: string): GraphNode => ({
    op,
    inputs,
    outputs: [output],
  });
  const graph = {
    name: "mlp",
    nodes: [
      layer("MatMul", ["x", "w1"], "a"),
      layer("Relu", ["a"], "b"),
      layer("MatMul", ["b", "w2"], "c"),
      layer("Relu", ["c"], "d"),
      layer("MatMul", ["d", "w3"], "y"),
    ],
    initializers: [weights("w1", 512, 1024), weights("w2", 1024, 1024), weights("w3", 1024, 10)],
    inputs: [{ name: "x", datatype: "FP32" as const, shape: [-1, 512] }],
    outputs: [{ name: "y", datatype: "FP32" as const, shape: [-1, 10] }],
  };
  return save("mlp", writeModel(graph, { opsets: { "": 17 } }));
}

/**
 * x FP32 [-1, 48] → y of the same shape: sixty layers that ONNX Runtime fuses, each of a dense part,
 * GELU and a normalisation written out. Its session takes longer to plan than its weights to read.
 */
export function saveDeep(): string {
  const width = 48;
  const nodes: GraphNode[] = [];
  const initializers = [weights("dense", width, width), weights("bias", width)];
  const constant = (value: number) => {
    const name = `constant_${value}`;
    if (!initializers.some((one) => one.name === name)) {
      initializers.push(tensorOf(name, "FP32", [], Float32Array.of(value)));
    }
    return name;
  };
  const node = (op: string, ...inputs: readonly string[]) => {
    const output = `t${nodes.length}`;
    const attributes = op === "ReduceMean" ? { axes: { ints: [-1] } } : {};
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  let x = "x";
  for (let layer = 0; layer < 60; layer += 1) {
    const dense = node("Add", node("MatMul", x, "dense"), "bias");
    const erf = node("Erf", node("Div", dense, constant(Math.SQRT2)));
    const gelu = node("Mul", node("Mul", dense, node("Add", erf, constant(1))), constant(0.5));
    const sum = node("Add", x, gelu);
    const away = node("Sub", sum, node("ReduceMean", sum));
    const variance = node("ReduceMean", node("Pow", away, constant(2)));
    const scale = node("Sqrt", node("Add", variance, constant(1e-5)));
    x = node("Add", node("Mul", node("Div", away, scale), "bias"), "bias");
  }
  nodes.push({ op: "Identity", inputs: [x], outputs: ["y"] });
  const spec = (name: string) => ({ name, datatype: "FP32" as const, shape: [-1, width] });
  const graph = { name: "deep", nodes, initializers, inputs: [spec("x")], outputs: [spec("y")] };
  return save("deep", writeModel(graph, { opsets: { "": 17 } }));
}

const channels = 64;
const side = 80;

/**
 * x FP32 [-1, 1] → y FP32 [-1]: spread over a picture, then two convolutions of 3 × 3, about 10 ms
 * a row. They compute from the caches, so a batch of rows costs as much as the rows alone.
 */
export function saveConv(): string {
  const convolution = (from: string, to: string): GraphNode => ({
    op: "Conv",
    inputs: [from, "kernel"],
    outputs: [to],
    attributes: { pads: { ints: [1, 1, 1, 1] }, kernel_shape: { ints: [3, 3] } },
  });
  const shape = BigInt64Array.of(-1n, 1n, 1n, 1n);
  const graph = {
    name: "conv",
    nodes: [
      { op: "Reshape", inputs: ["x", "pixel"], outputs: ["p"] },
      { op: "Add", inputs: ["p", "picture"], outputs: ["a"] },
      convolution("a", "b"),
      { op: "Relu", inputs: ["b"], outputs: ["c"] },
      convolution("c", "d"),
      {
        op: "ReduceMean",
        inputs: ["d"],
        outputs: ["y"],
        attributes: { axes: { ints: [1, 2, 3] }, keepdims: { int: 0 } },
      },
    ],
    initializers: [
      tensorOf("pixel", "INT64", [4], shape),
      weights("picture", 1, channels, side, side),
      weights("kernel", channels, channels, 3, 3),
    ],
    inputs: [{ name: "x", datatype: "FP32" as const, shape: [-1, 1] }],
    outputs: [{ name: "y", datatype: "FP32" as const, shape: [-1] }],
  };
  return save("conv", writeModel(graph, { opsets: { "": 17 } }));
}

export const mlpRows: Rows = {
  model: "mlp",
  input: "x",
  shape: [1, 512],
  values: Float32Array.from({ length: 512 }, (_, at) => Math.cos(at)),
};
export const convRows: Rows = {
  model: "conv",
  input: "x",
  shape: [1, 1],
  values: Float32Array.of(1),
};
export const mlpRest = restBinary(mlpRows);
export const convRest = restBinary(convRows);
