import type { Attribute } from "../../../src/formats/onnx/writer.ts";
import { tensor } from "../elements.ts";
import {
  f32,
  type GraphCase,
  graphCase,
  i64,
  int,
  ints,
  node,
  type Parts,
  wave,
} from "../graph.ts";

/** Shapes that depend on values, and graphs that mix the rows of a batch, each in its own way. */

const x = f32("x", [3, 4], wave(12));
const request = { inputs: ["x FP32 [-1,4]"], requests: [[x]] };
const same = (
  op: string,
  attributes: Readonly<Record<string, Attribute>>,
  verdict: GraphCase["verdict"],
  name = op,
) =>
  graphCase(name, {
    ...request,
    nodes: [node(op, "x", "y", attributes)],
    outputs: ["y FP32 [-1,4]"],
    verdict,
  });
const single = (name: string, parts: Pick<Parts, "nodes" | "initializers" | "outputs">) =>
  graphCase(name, { ...request, ...parts, verdict: "single" });

export const mixing: readonly GraphCase[] = [
  same("Softmax", { axis: int(0) }, "single", "Softmax over the batch"),
  same("Softmax", { axis: int(1) }, "batchable"),
  same("LpNormalization", { axis: int(0) }, "single", "LpNormalization over the batch"),
  same("LpNormalization", { axis: int(1) }, "batchable"),
  same("MeanVarianceNormalization", { axes: ints(0) }, "single"),
  single("NonZero", { nodes: [node("NonZero", "x", "y")], outputs: ["y INT64 [2,-1]"] }),
  single("NonZero, a row for each", {
    nodes: [node("NonZero", "x", "t"), node("Transpose", "t", "y")],
    outputs: ["y INT64 [-1,2]"],
  }),
  single("TopK over the batch", {
    nodes: [node("TopK", "x k", "y i", { axis: int(0) })],
    initializers: [i64("k", [1], [2n])],
    outputs: ["y FP32 [2,4]", "i INT64 [2,4]"],
  }),
  graphCase("TopK", {
    ...request,
    nodes: [node("TopK", "x k", "y i", { axis: int(1) })],
    initializers: [i64("k", [1], [2n])],
    outputs: ["y FP32 [-1,2]", "i INT64 [-1,2]"],
    verdict: "batchable",
  }),
  single("Unique rows", {
    nodes: [node("Unique", "x", "y", { axis: int(0) })],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("rows that are kept by what is in them", {
    nodes: [
      node("ReduceMax", "x one", "m", { keepdims: int(0) }),
      node("Less", "m limit", "keep"),
      node("Compress", "x keep", "y", { axis: int(0) }),
    ],
    initializers: [i64("one", [1], [1n]), f32("limit", [], [100])],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("rows without zeros", {
    nodes: [
      node("ReduceSum", "x one", "m", { keepdims: int(0) }),
      node("Cast", "m", "keep", { to: int(9) }),
      node("Compress", "x keep", "y", { axis: int(0) }),
    ],
    initializers: [i64("one", [1], [1n])],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("clipped by the largest of the batch, where that is large", {
    nodes: [
      node("ReduceMax", "x", "m", { keepdims: int(0) }),
      node("Max", "m limit", "most"),
      node("Div", "x most", "y"),
    ],
    initializers: [f32("limit", [], [50])],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("rows sorted", {
    nodes: [
      node("ReduceSum", "x one", "s", { keepdims: int(0) }),
      node("Shape", "s", "n"),
      node("TopK", "s n", "v i", { axis: int(0) }),
      node("Gather", "x i", "y"),
    ],
    initializers: [i64("one", [1], [1n])],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("each row less the one before", {
    nodes: [
      node("Slice", "x start end", "head"),
      node("Concat", "zero head", "before", { axis: int(0) }),
      node("Sub", "x before", "y"),
    ],
    initializers: [
      i64("start", [1], [0n]),
      i64("end", [1], [-1n]),
      f32("zero", [1, 4], [0, 0, 0, 0]),
    ],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("rows times all rows", {
    nodes: [node("Transpose", "x", "t"), node("MatMul", "x t", "y")],
    outputs: ["y FP32 [-1,-1]"],
  }),
  single("the first row for all", {
    nodes: [
      node("Gather", "x zero", "first"),
      node("Shape", "x", "shape"),
      node("Expand", "first shape", "y"),
    ],
    initializers: [i64("zero", [1], [0n])],
    outputs: ["y FP32 [-1,4]"],
  }),
  single("a number for each row", {
    nodes: [
      node("Shape", "x", "n", { start: int(0), end: int(1) }),
      node("Squeeze", "n", "scalar"),
      node("Range", "zero scalar one", "y"),
    ],
    initializers: [i64("zero", [], [0n]), i64("one", [], [1n])],
    outputs: ["y INT64 [-1]"],
  }),
  single("Transpose", { nodes: [node("Transpose", "x", "y")], outputs: ["y FP32 [4,-1]"] }),
  single("Size", { nodes: [node("Size", "x", "y")], outputs: ["y INT64 []"] }),
  single("the batch as one vector", {
    nodes: [node("Flatten", "x", "y", { axis: int(0) })],
    outputs: ["y FP32 [1,-1]"],
  }),
  single("DynamicQuantizeLinear", {
    nodes: [
      node("DynamicQuantizeLinear", "x", "q scale zero"),
      node("DequantizeLinear", "q scale zero", "y"),
    ],
    outputs: ["y FP32 [-1,4]"],
  }),
  graphCase("NonMaxSuppression", {
    nodes: [node("NonMaxSuppression", "boxes scores most", "y")],
    initializers: [i64("most", [1], [2n])],
    inputs: ["boxes FP32 [-1,3,4]", "scores FP32 [-1,1,3]"],
    outputs: ["y INT64 [-1,3]"],
    requests: [
      [
        f32("boxes", [1, 3, 4], [0, 0, 1, 1, 0, 0, 1, 1.1, 3, 3, 4, 4]),
        f32("scores", [1, 1, 3], [0.9, 0.8, 0.7]),
      ],
    ],
    verdict: "single",
  }),
  graphCase("training's BatchNormalization", {
    ...request,
    nodes: [node("BatchNormalization", "x g b m v", "y mean variance", { training_mode: int(1) })],
    initializers: ["g", "b", "m", "v"].map((name) => f32(name, [4], [1, 2, 3, 4])),
    outputs: ["y FP32 [-1,4]", "mean FP32 [4]", "variance FP32 [4]"],
    verdict: "single",
  }),
  graphCase("ScatterND into rows of the batch", {
    nodes: [node("ScatterND", "x i u", "y")],
    inputs: ["x FP32 [-1]", "i INT64 [-1,1]", "u FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [3], [1, 2, 3]), i64("i", [2, 1], [0n, 2n]), f32("u", [2], [9, 8])]],
    verdict: "single",
  }),
  graphCase("EyeLike", {
    ...request,
    nodes: [node("EyeLike", "x", "y")],
    outputs: ["y FP32 [-1,4]"],
    verdict: "single",
  }),
  graphCase("rows in twos", {
    nodes: [node("Identity", "x", "y")],
    inputs: ["x INT32 [2,2]"],
    outputs: ["y INT32 [2,2]"],
    requests: [[tensor("x", "INT32", [2, 2], [1, 2, 3, 4])]],
    verdict: "single",
  }),
];
