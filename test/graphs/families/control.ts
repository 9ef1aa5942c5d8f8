import { tensor } from "../elements.ts";
import { f32, type GraphCase, graphCase, i64, int, ints, node, subgraph, text } from "../graph.ts";

/** Subgraphs, sequences, optional values and functions inside of a graph. */

const branch = (op: string) =>
  subgraph({ nodes: [node(op, "x", "b")], inputs: [], outputs: ["b FP32 ?"] });
const branches = { then_branch: { graph: branch("Neg") }, else_branch: { graph: branch("Exp") } };
const scalarOf = (name: string, value: number) => f32(name, [], [value]);

const ifs: readonly GraphCase[] = [
  graphCase("If by an input", {
    nodes: [node("If", "c", "y", branches)],
    inputs: ["c BOOL []", "x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [true, false].map((c) => [tensor("c", "BOOL", [], [c]), f32("x", [2], [-1, 2])]),
    verdict: "single",
  }),
  graphCase("If by the sum of the batch", {
    nodes: [
      node("ReduceSum", "x", "s", { keepdims: int(0) }),
      node("Greater", "s limit", "c"),
      node("If", "c", "y", branches),
    ],
    initializers: [scalarOf("limit", 1_000)],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [2], [-1, 2])], [f32("x", [2], [-1, 2_000])]],
    verdict: "single",
  }),
  graphCase("If by the number of rows", {
    nodes: [
      node("Shape", "x", "shape"),
      node("Gather", "shape zero", "n"),
      node("Greater", "n limit", "c"),
      node("If", "c", "y", branches),
    ],
    initializers: [i64("zero", [], [0n]), i64("limit", [], [2n])],
    inputs: ["x FP32 [-1,1]"],
    outputs: ["y FP32 [-1,1]"],
    requests: [[f32("x", [2, 1], [-1, 2])], [f32("x", [3, 1], [-1, 2, -3])]],
    verdict: "single",
  }),
];

/** v ← v + x, `n` times, and each v. */
const loopBody = subgraph({
  nodes: [
    node("Add", "v x", "next"),
    node("Identity", "c", "go"),
    node("Identity", "next", "each"),
  ],
  inputs: ["i INT64 []", "c BOOL []", "v FP32 ?"],
  outputs: ["go BOOL []", "next FP32 ?", "each FP32 ?"],
});
/** s ← s + row. */
const scanBody = subgraph({
  nodes: [node("Add", "s row", "next"), node("Identity", "next", "each")],
  inputs: ["s FP32 [2]", "row FP32 [2]"],
  outputs: ["next FP32 [2]", "each FP32 [2]"],
});

const loops: readonly GraphCase[] = [
  graphCase("Loop over an input of the caller", {
    nodes: [node("Loop", "n - x", "last all", { body: { graph: loopBody } })],
    inputs: ["n INT64 []", "x FP32 [-1]"],
    outputs: ["last FP32 [-1]", "all FP32 [-1,-1]"],
    requests: [0n, 3n].map((n) => [i64("n", [], [n]), f32("x", [2], [1, -0.5])]),
    verdict: "single",
  }),
  graphCase("Loop of rows that are apart", {
    nodes: [node("Loop", "n - x", "last all", { body: { graph: loopBody } })],
    initializers: [i64("n", [], [3n])],
    inputs: ["x FP32 [-1,2]"],
    outputs: ["last FP32 [-1,2]"],
    requests: [[f32("x", [2, 2], [1, -0.5, 3, 4])]],
    verdict: "batchable",
  }),
  graphCase("Scan over the rows", {
    nodes: [
      node("Scan", "zero x", "last all", { body: { graph: scanBody }, num_scan_inputs: int(1) }),
    ],
    initializers: [f32("zero", [2], [0, 0])],
    inputs: ["x FP32 [-1,2]"],
    outputs: ["last FP32 [2]", "all FP32 [-1,2]"],
    requests: [[f32("x", [3, 2], [1, 2, 3, 4, 5, 6])]],
    verdict: "single",
  }),
];

const sequences: readonly GraphCase[] = [
  graphCase("a sequence taken apart and put together", {
    nodes: [
      node("SplitToSequence", "x", "s", { axis: int(1) }),
      node("SequenceAt", "s first", "a"),
      node("SequenceErase", "s first", "t"),
      node("SequenceInsert", "t a", "u"),
      node("ConcatFromSequence", "u", "y", { axis: int(1) }),
      node("SequenceLength", "u", "n"),
    ],
    initializers: [i64("first", [], [0n])],
    inputs: ["x FP32 [-1,3]"],
    outputs: ["y FP32 [-1,3]", "n INT64 []"],
    requests: [[f32("x", [2, 3], [1, 2, 3, 4, 5, 6])]],
    verdict: "single",
  }),
  graphCase("a sequence of strings inside", {
    nodes: [
      node("SequenceConstruct", "x x", "s"),
      node("ConcatFromSequence", "s", "y", { axis: int(1) }),
    ],
    inputs: ["x BYTES [-1,1]"],
    outputs: ["y BYTES [-1,2]"],
    requests: [[text("x", [2, 1], ["é", ""])]],
    verdict: "batchable",
  }),
  graphCase("SequenceMap", {
    nodes: [
      node("SplitToSequence", "x", "s", { axis: int(0) }),
      node("SequenceMap", "s", "t", {
        body: {
          graph: subgraph({
            nodes: [node("Neg", "e", "f")],
            inputs: ["e FP32 [-1]"],
            outputs: ["f FP32 [-1]"],
          }),
        },
      }),
      node("ConcatFromSequence", "t", "y", { axis: int(0) }),
    ],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [3], [1, 2, 3])]],
    verdict: "batchable",
  }),
  graphCase("an optional value inside", {
    nodes: [
      node("Optional", "x", "o"),
      node("OptionalHasElement", "o", "has"),
      node("OptionalGetElement", "o", "y"),
    ],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]", "has BOOL []"],
    requests: [[f32("x", [2], [1, 2])]],
    verdict: "single",
  }),
];

const functions: readonly GraphCase[] = [
  graphCase("a function of the model", {
    nodes: [node("my:Affine", "x", "y", { scale: { float: 2 } })],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [2], [1, 2])]],
    verdict: "batchable",
    opsets: { "": 21, my: 1 },
    functions: [
      {
        domain: "my",
        name: "Affine",
        inputs: ["a"],
        outputs: ["b"],
        attributes: ["scale"],
        nodes: [
          node("Constant", "", "s", { value_float: { reference: "scale", type: "float" } }),
          node("Mul", "a s", "m"),
          node("Add", "m s", "b"),
        ],
        opsets: { "": 21 },
      },
    ],
  }),
  graphCase("a sparse initializer", {
    nodes: [node("MatMul", "x w", "y")],
    sparse: [{ values: f32("w", [2], [5, 7]), indices: i64("", [2], [1n, 2n]), shape: [2, 2] }],
    inputs: ["x FP32 [-1,2]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[f32("x", [1, 2], [1, 10])]],
    verdict: "batchable",
  }),
  graphCase("weights of four bits", {
    nodes: [node("DequantizeLinear", "w scale", "d", { axis: int(0) }), node("MatMul", "x d", "y")],
    initializers: [
      { name: "w", elementType: "int4", shape: [2, 2], bytes: Uint8Array.of(0x21, 0xf7) },
      f32("scale", [], [0.5]),
    ],
    inputs: ["x FP32 [-1,2]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[f32("x", [1, 2], [1, 10])]],
    verdict: "batchable",
  }),
  graphCase("weights of every kind of attribute", {
    nodes: [
      node("Constant", "", "a", { value_floats: { floats: [1, 2] } }),
      node("Constant", "", "b", { value_ints: ints(3, -4) }),
      node("Constant", "", "c", { value_strings: { strings: ["", "ü"] } }),
      node("Constant", "", "d", { value_string: { string: "s" } }),
      node("Constant", "", "e", { value_int: { int: 2n ** 62n } }),
    ],
    inputs: [],
    outputs: ["a FP32 [2]", "b INT64 [2]", "c BYTES [2]", "d BYTES []", "e INT64 []"],
    requests: [[]],
    verdict: "single",
  }),
];

export const control: readonly GraphCase[] = [...ifs, ...loops, ...sequences, ...functions];
