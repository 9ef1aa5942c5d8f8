import type { Tensor } from "../../../src/domain/tensor.ts";
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
  string,
  strings,
  wave,
} from "../graph.ts";

/** Layers of networks: plain, quantised, and ONNX Runtime's own (com.microsoft). */

const x = f32("x", [2, 4], wave(8));
const rows = { inputs: ["x FP32 [-1,4]"], requests: [[x]], verdict: "batchable" as const };
const weights = (name: string, ...shape: number[]) =>
  f32(name, shape, wave(shape.reduce((a, b) => a * b, 1)));
const image = f32("x", [2, 2, 4, 4], wave(64));
const images = { inputs: ["x FP32 [-1,2,4,4]"], requests: [[image]] };
const u8 = (name: string, shape: number[], values: readonly number[]) =>
  tensor(name, "UINT8", shape, values);
const i8 = (name: string, shape: number[], values: readonly number[]) =>
  tensor(name, "INT8", shape, values);

const plain = (name: string, parts: Pick<Parts, "nodes"> & Partial<Parts>) =>
  graphCase(name, { ...rows, outputs: ["y FP32 [-1,4]"], ...parts });
const vision = (name: string, parts: Pick<Parts, "nodes" | "outputs"> & Partial<Parts>) =>
  graphCase(name, { ...images, verdict: "batchable", ...parts });

const layers: readonly GraphCase[] = [
  plain("Gemm", {
    nodes: [node("Gemm", "x w b", "y", { transB: int(1), alpha: { float: 0.5 } })],
    initializers: [weights("w", 4, 4), weights("b", 4)],
  }),
  plain("LayerNormalization", {
    nodes: [node("LayerNormalization", "x g b", "y")],
    initializers: [weights("g", 4), weights("b", 4)],
  }),
  plain("Gelu", { nodes: [node("Gelu", "x", "y", { approximate: string("tanh") })] }),
  plain("Einsum", {
    nodes: [node("Einsum", "x w", "y", { equation: string("bi,ij->bj") })],
    initializers: [weights("w", 4, 4)],
  }),
  plain("BatchNormalization", {
    nodes: [node("BatchNormalization", "x g b m v", "y")],
    initializers: [weights("g", 4), weights("b", 4), weights("m", 4), f32("v", [4], [1, 2, 3, 4])],
  }),
  plain("an element-wise chain", {
    nodes: [
      node("Sigmoid", "x", "a"),
      node("Tanh", "a", "b"),
      node("Erf", "b", "c"),
      node("HardSwish", "c", "d"),
      node("Clip", "d - most", "e"),
      node("Where", "yes e x", "y"),
    ],
    initializers: [f32("most", [], [0.2]), tensor("yes", "BOOL", [4], [true, false, true, true])],
  }),
  vision("Conv", {
    nodes: [node("Conv", "x w", "y", { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1) })],
    initializers: [weights("w", 3, 2, 3, 3)],
    outputs: ["y FP32 [-1,3,4,4]"],
  }),
  vision("ConvTranspose", {
    nodes: [node("ConvTranspose", "x w", "y", { strides: ints(2, 2) })],
    initializers: [weights("w", 2, 1, 2, 2)],
    outputs: ["y FP32 [-1,1,8,8]"],
  }),
  vision("MaxPool and the places of its values", {
    nodes: [node("MaxPool", "x", "y i", { kernel_shape: ints(2, 2), strides: ints(2, 2) })],
    outputs: ["y FP32 [-1,2,2,2]", "i INT64 [-1,2,2,2]"],
    // The places count through the whole batch.
    verdict: "single",
  }),
  vision("GlobalAveragePool", {
    nodes: [node("GlobalAveragePool", "x", "y")],
    outputs: ["y FP32 [-1,2,1,1]"],
  }),
  vision("Resize", {
    nodes: [node("Resize", "x - scales", "y", { mode: string("linear") })],
    initializers: [f32("scales", [4], [1, 1, 2, 2])],
    outputs: ["y FP32 [-1,2,8,8]"],
  }),
  vision("InstanceNormalization", {
    nodes: [node("InstanceNormalization", "x g b", "y")],
    initializers: [weights("g", 2), weights("b", 2)],
    outputs: ["y FP32 [-1,2,4,4]"],
  }),
  vision("Pad and DepthToSpace", {
    nodes: [
      node("Concat", "x x", "c", { axis: int(1) }),
      node("DepthToSpace", "c", "d", { blocksize: int(2) }),
      node("Pad", "d pads", "y", { mode: string("reflect") }),
    ],
    initializers: [i64("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1])],
    outputs: ["y FP32 [-1,1,10,10]"],
  }),
];

const recurrent = (op: string, gates: number, outputs: readonly string[]) =>
  graphCase(op, {
    nodes: [node(op, "x w r", "all last", { hidden_size: int(2) })],
    initializers: [weights("w", 1, gates * 2, 3), weights("r", 1, gates * 2, 2)],
    inputs: ["x FP32 [-1,-1,3]"],
    outputs,
    requests: [[f32("x", [4, 2, 3], wave(24))]],
    verdict: "single",
  });

const sequences: readonly GraphCase[] = [
  recurrent("LSTM", 4, ["all FP32 [-1,1,-1,2]", "last FP32 [1,-1,2]"]),
  recurrent("GRU", 3, ["all FP32 [-1,1,-1,2]", "last FP32 [1,-1,2]"]),
  recurrent("RNN", 1, ["all FP32 [-1,1,-1,2]", "last FP32 [1,-1,2]"]),
  graphCase("LSTM of batches first", {
    nodes: [
      node("Transpose", "x", "t", { perm: ints(1, 0, 2) }),
      node("LSTM", "t w r", "- h", { hidden_size: int(2) }),
      node("Squeeze", "h zero", "y"),
    ],
    initializers: [weights("w", 1, 8, 3), weights("r", 1, 8, 2), i64("zero", [1], [0n])],
    inputs: ["x FP32 [-1,-1,3]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[f32("x", [2, 4, 3], wave(24))]],
    verdict: "batchable",
  }),
  graphCase("DFT", {
    nodes: [node("DFT", "x - axis", "y", { onesided: int(1) })],
    initializers: [i64("axis", [], [1n])],
    inputs: ["x FP32 [-1,8,1]"],
    outputs: ["y FP32 [-1,5,2]"],
    requests: [[f32("x", [2, 8, 1], wave(16))]],
    verdict: "batchable",
  }),
];

const scales: readonly Tensor[] = [
  f32("s", [], [0.02]),
  u8("z", [], [128]),
  f32("ws", [], [0.01]),
  i8("wz", [], [0]),
];

const quantised: readonly GraphCase[] = [
  graphCase("QLinearMatMul", {
    nodes: [node("QLinearMatMul", "x s z w ws wz s z", "y")],
    initializers: [...scales, i8("w", [4, 2], [1, -2, 3, -4, 5, -6, 7, 127])],
    inputs: ["x UINT8 [-1,4]"],
    outputs: ["y UINT8 [-1,2]"],
    requests: [[u8("x", [2, 4], [0, 255, 128, 1, 2, 3, 4, 200])]],
    verdict: "batchable",
  }),
  graphCase("QLinearConv", {
    nodes: [node("QLinearConv", "x s z w ws wz s z", "y")],
    initializers: [...scales, i8("w", [1, 1, 2, 2], [1, -2, 3, 100])],
    inputs: ["x UINT8 [-1,1,3,3]"],
    outputs: ["y UINT8 [-1,1,2,2]"],
    requests: [[u8("x", [1, 1, 3, 3], [0, 255, 128, 1, 2, 3, 4, 200, 9])]],
    verdict: "batchable",
  }),
  graphCase("MatMulInteger", {
    nodes: [node("MatMulInteger", "x w z wz", "y")],
    initializers: [...scales, i8("w", [4, 2], [1, -2, 3, -4, 5, -6, 7, 127])],
    inputs: ["x UINT8 [-1,4]"],
    outputs: ["y INT32 [-1,2]"],
    requests: [[u8("x", [1, 4], [0, 255, 128, 1])]],
    verdict: "batchable",
  }),
  plain("QuantizeLinear and back", {
    nodes: [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
    initializers: scales,
    outputs: ["q UINT8 [-1,4]", "y FP32 [-1,4]"],
  }),
  plain("DynamicQuantizeMatMul", {
    nodes: [node("ms:DynamicQuantizeMatMul", "x w ws", "y")],
    initializers: [i8("w", [4, 4], wave(16, 100).map(Math.trunc)), f32("ws", [1], [0.01])],
    verdict: "single",
  }),
  graphCase("QLinearAdd", {
    nodes: [node("ms:QLinearAdd", "x s z x s z s z", "y")],
    initializers: scales,
    inputs: ["x UINT8 [-1]"],
    outputs: ["y UINT8 [-1]"],
    requests: [[u8("x", [3], [0, 200, 255])]],
    verdict: "batchable",
  }),
];

const contrib: readonly GraphCase[] = [
  plain("FusedMatMul", {
    nodes: [node("ms:FusedMatMul", "x w", "y", { transB: int(1), alpha: { float: 0.25 } })],
    initializers: [weights("w", 4, 4)],
  }),
  plain("CDist", {
    nodes: [node("ms:CDist", "x w", "y", { metric: string("euclidean") })],
    initializers: [weights("w", 4, 4)],
  }),
  plain("BiasGelu", { nodes: [node("ms:BiasGelu", "x b", "y")], initializers: [weights("b", 4)] }),
  plain("QuickGelu", { nodes: [node("ms:QuickGelu", "x", "y")] }),
  plain("FusedGemm", {
    nodes: [node("ms:FusedGemm", "x w b", "y", { activation: string("Relu") })],
    initializers: [weights("w", 4, 4), weights("b", 4)],
  }),
  graphCase("Inverse", {
    nodes: [node("ms:Inverse", "x", "y")],
    inputs: ["x FP32 [-1,2,2]"],
    outputs: ["y FP32 [-1,2,2]"],
    requests: [[f32("x", [1, 2, 2], [1, 2, 3, 5])]],
    verdict: "batchable",
  }),
  graphCase("SkipLayerNormalization", {
    nodes: [node("ms:SkipLayerNormalization", "x x g b", "y", { epsilon: { float: 1e-6 } })],
    initializers: [weights("g", 4), weights("b", 4)],
    inputs: ["x FP32 [-1,-1,4]"],
    outputs: ["y FP32 [-1,-1,4]"],
    requests: [[f32("x", [1, 2, 4], wave(8))]],
    verdict: "batchable",
  }),
  graphCase("Attention", {
    nodes: [node("ms:Attention", "x w b", "y", { num_heads: int(2) })],
    initializers: [weights("w", 4, 12), weights("b", 12)],
    inputs: ["x FP32 [-1,-1,4]"],
    outputs: ["y FP32 [-1,-1,4]"],
    requests: [[f32("x", [2, 3, 4], wave(24))]],
    verdict: "batchable",
  }),
  graphCase("EmbedLayerNormalization", {
    nodes: [node("ms:EmbedLayerNormalization", "x - words places - g b", "y mask")],
    initializers: [
      weights("words", 200, 4),
      weights("places", 8, 4),
      weights("g", 4),
      weights("b", 4),
    ],
    inputs: ["x INT32 [-1,-1]"],
    outputs: ["y FP32 [-1,-1,4]", "mask INT32 [-1]"],
    requests: [[tensor("x", "INT32", [2, 3], [0, 1, 2, 3, 4, 5])]],
    verdict: "batchable",
  }),
  graphCase("StringNormalizer before a TfIdf of another opset", {
    nodes: [node("StringNormalizer", "x", "y", { stopwords: strings("the"), locale: string("C") })],
    inputs: ["x BYTES [1,-1]"],
    outputs: ["y BYTES [1,-1]"],
    requests: [[tensor("x", "BYTES", [1, 3], ["the", "cat", "sat"])]],
    verdict: "single",
    opsets: { "": 10 },
  }),
];

export const networks: readonly GraphCase[] = [...layers, ...sequences, ...quantised, ...contrib];
