import { type Datatype, datatypes } from "../../../src/domain/datatype.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import { type Element, tensor } from "../elements.ts";
import { f32, type GraphCase, graphCase, i64, int, node, opsets, text } from "../graph.ts";

/** Every datatype in and out, of every shape that a tensor can have. */

const extremes: Readonly<Record<Datatype, readonly Element[]>> = {
  BOOL: [true, false, false, true],
  UINT8: [0, 1, 254, 255],
  UINT16: [0, 1, 65_534, 65_535],
  UINT32: [0, 1, 2 ** 32 - 2, 2 ** 32 - 1],
  UINT64: [0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n],
  INT8: [-128, -1, 0, 127],
  INT16: [-32_768, -1, 0, 32_767],
  INT32: [-(2 ** 31), -1, 0, 2 ** 31 - 1],
  INT64: [-(2n ** 63n), -1n, 2n ** 53n + 1n, 2n ** 63n - 1n],
  FP16: [-0, 65_504, 2 ** -24, -1.5],
  FP32: [-0, 3.4028234663852886e38, 2 ** -149, Math.fround(-0.1)],
  FP64: [-0, Number.MAX_VALUE, Number.MIN_VALUE, -0.1],
  BF16: [-0, 2 ** 127, 2 ** -133, -1.5],
  BYTES: ["", "snow ☃", "\u{1f600}", 'quote " \\ \n'],
};

const renamed = (requests: readonly (readonly Tensor[])[]) =>
  requests.map((inputs) => inputs.map((input) => ({ ...input, name: "y" })));

function identity(datatype: Datatype): GraphCase[] {
  const elements = extremes[datatype];
  const of = (shape: number[], values: readonly Element[]) => [
    tensor("x", datatype, shape, values),
  ];
  const nodes = [node("Identity", "x", "y")];
  const rows = [of([2, 2], elements), of([1, 2], elements.slice(2)), of([0, 2], [])];
  const scalar = [of([], elements.slice(0, 1)), of([], elements.slice(3))];
  const open = [of([], elements.slice(1, 2)), of([4], elements), of([2, 1, 2], elements)];
  const make = (name: string, shape: string, requests: readonly Tensor[][]) => {
    const verdict = shape === "[-1,2]" ? "batchable" : "single";
    const inputs = [`x ${datatype} ${shape}`];
    const outputs = [`y ${datatype} ${shape}`];
    const made = graphCase(`${name} of ${datatype}`, { nodes, inputs, outputs, requests, verdict });
    return datatype === "BF16" ? { ...made, expected: renamed(requests) } : made;
  };
  return [
    make("rows", "[-1,2]", rows),
    make("scalar", "[]", scalar),
    make("unknown rank", "?", open),
  ];
}

const hundred = Array.from({ length: 100 }, (_, index) => `y${index}`);

export const types: readonly GraphCase[] = [
  ...datatypes.flatMap(identity),
  graphCase("a hundred outputs", {
    nodes: [node("Split", "x", hundred.join(" "), { axis: int(1), num_outputs: int(100) })],
    inputs: ["x FP32 [-1,100]"],
    outputs: hundred.map((name) => `${name} FP32 [-1,1]`),
    requests: [
      [
        f32(
          "x",
          [2, 100],
          Array.from({ length: 200 }, (_, index) => index / 8),
        ),
      ],
    ],
    verdict: "batchable",
  }),
  graphCase("every type at once", {
    nodes: ["FP32", "INT64", "BYTES", "BOOL", "FP16"].map((type) =>
      node("Identity", `x_${type}`, `y_${type}`),
    ),
    inputs: ["FP32", "INT64", "BYTES", "BOOL", "FP16"].map((type) => `x_${type} ${type} [-1]`),
    outputs: ["FP32", "INT64", "BYTES", "BOOL", "FP16"].map((type) => `y_${type} ${type} [-1]`),
    requests: [
      [
        f32("x_FP32", [1], [0.5]),
        i64("x_INT64", [1], [-7n]),
        text("x_BYTES", [1], ["a"]),
        tensor("x_BOOL", "BOOL", [1], [true]),
        tensor("x_FP16", "FP16", [1], [2.5]),
      ],
    ],
    verdict: "batchable",
  }),
  graphCase("casts to every number", {
    nodes: [
      node("Cast", "x", "f16", { to: int(10) }),
      node("Cast", "x", "f64", { to: int(11) }),
      node("Cast", "x", "i8", { to: int(3) }),
      node("Cast", "x", "u64", { to: int(13) }),
      node("Cast", "x", "s", { to: int(8) }),
      node("Cast", "x", "b", { to: int(9) }),
    ],
    inputs: ["x FP32 [-1]"],
    outputs: [
      "f16 FP16 [-1]",
      "f64 FP64 [-1]",
      "i8 INT8 [-1]",
      "u64 UINT64 [-1]",
      "s BYTES [-1]",
      "b BOOL [-1]",
    ],
    requests: [[f32("x", [4], [0, 1.5, 100, 3.0625])]],
    verdict: "batchable",
  }),
  graphCase("no inputs", {
    nodes: [node("Constant", "", "y", { value: { tensor: f32("", [2], [1, 2]) } })],
    inputs: [],
    outputs: ["y FP32 [2]"],
    requests: [[]],
    verdict: "single",
  }),
  graphCase("an input that is an output, and one that nothing takes", {
    nodes: [node("Neg", "x", "y")],
    inputs: ["x FP32 [-1]", "unused INT64 [-1]"],
    outputs: ["y FP32 [-1]", "x FP32 [-1]"],
    requests: [[f32("x", [1], [2]), i64("unused", [1], [3])]],
    verdict: "batchable",
  }),
  graphCase("an initializer among the inputs, as before IR 4", {
    nodes: [node("Add", "x w", "y")],
    initializers: [f32("w", [2], [1, 2])],
    inputs: ["x FP32 [-1,2]", "w FP32 [2]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[f32("x", [1, 2], [1, 2])]],
    verdict: "batchable",
    irVersion: 3,
  }),
  graphCase("an initializer that a caller may override, as since IR 4", {
    nodes: [node("Add", "x w", "y")],
    initializers: [f32("w", [2], [1, 2])],
    inputs: ["x FP32 [-1,2]", "w FP32 [2]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[f32("x", [1, 2], [1, 2])]],
    verdict: "batchable",
  }),
  graphCase("names of every kind", {
    nodes: [node("Neg", "a/b:0", "constructor"), node("Abs", "a/b:0", "1"), node("Sqrt", "1", "0")],
    inputs: ["a/b:0 FP32 [-1]"],
    outputs: ["constructor FP32 [-1]", "1 FP32 [-1]", "0 FP32 [-1]"],
    requests: [[f32("a/b:0", [2], [-4, 9])]],
    verdict: "batchable",
  }),
  graphCase("IR 3 with opset 7", {
    nodes: [node("Relu", "x", "y")],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [2], [-1, 1])]],
    verdict: "batchable",
    irVersion: 3,
    opsets: { "": 7 },
  }),
  graphCase("the newest IR and opsets", {
    nodes: [node("Relu", "x", "y")],
    inputs: ["x FP32 [-1]"],
    outputs: ["y FP32 [-1]"],
    requests: [[f32("x", [2], [-1, 1])]],
    verdict: "batchable",
    irVersion: 13,
    opsets: { ...opsets, "": 26 },
  }),
];
