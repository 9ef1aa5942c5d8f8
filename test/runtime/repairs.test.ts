import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Tensor } from "../../src/domain/tensor.ts";
import { irVersionMax, opsetVersionsMax } from "../../src/formats/onnx/schema.ts";
import {
  type Graph,
  type GraphNode,
  type ModelOptions,
  tensorOf,
  writeModel,
} from "../../src/formats/onnx/writer.ts";
import { PiscinaExecutor } from "../../src/runtime/executor.ts";
import { save, temporaryFolder } from "../support/models.ts";

/** Graphs that the binding cannot take, loaded and run by the real executor. */

const executor = new PiscinaExecutor({
  slots: 1,
  threads: 1,
  workerFile: join(import.meta.dirname, "../../src/runtime/worker.ts"),
  heapMiBMax: 256,
  log: { write: () => {} },
  onRefillFailed: () => {},
});
const folder = temporaryFolder();
let generation = 0;

afterAll(() => executor.close());

const latest = { "": 21, "ai.onnx.ml": 5 };

async function load(graph: Partial<Graph>, options: Partial<ModelOptions> = {}) {
  generation += 1;
  const whole = { name: "g", nodes: [], initializers: [], inputs: [], outputs: [], ...graph };
  const model = writeModel(whole, { opsets: latest, ...options });
  return executor.load({ generation, modelPath: save(join(folder, `${generation}.onnx`), model) });
}

/** Loads, and holds the outputs' datatypes and shapes; then runs. */
async function infer(graph: Partial<Graph>, inputs: readonly Tensor[], options = {}) {
  const loaded = await load(graph, options);
  expect(loaded).toMatchObject({ kind: "loaded", warmUpFailure: undefined });
  if (loaded.kind === "refused") throw new Error(loaded.reason);
  const { signature } = loaded;
  if (signature.kind !== "fixed") throw new Error(signature.kind);
  const names = signature.outputs.map(({ name }) => name);
  const run = await executor.run({ generation, inputs, outputs: names, buffers: [] });
  if (run.kind !== "done") throw new Error(JSON.stringify(run));
  return { signature, outputs: run.outputs };
}

async function refusal(graph: Partial<Graph>, options: Partial<ModelOptions> = {}) {
  const loaded = await load(graph, options);
  return loaded.kind === "refused" ? loaded.reason : JSON.stringify(loaded);
}

const node = (op: string, inputs: string[], outputs: string[], rest: Partial<GraphNode> = {}) => ({
  op,
  inputs,
  outputs,
  ...rest,
});
const fp32 = (name: string, shape: readonly number[]) => ({
  name,
  datatype: "FP32" as const,
  shape,
});
const bf16 = (name: string, shape: readonly number[]) => ({
  name,
  datatype: "BF16" as const,
  shape,
});
const numbers = (name: string, shape: readonly number[], values: readonly number[]) =>
  tensorOf(name, "FP32", shape, Float32Array.from(values));

describe("a ZipMap", () => {
  const labels = { classlabels_strings: { strings: ["cat", "dog"] } };
  const zipMap = node("ZipMap", ["p"], ["output_probability"], {
    domain: "ai.onnx.ml",
    attributes: labels,
  });
  const maps = {
    name: "output_probability",
    type: {
      sequence: { map: { tensor: "FP32" as const, shape: null }, key: "BYTES" as const },
    },
  };
  const graph = {
    nodes: [
      node("Softmax", ["x"], ["p"]),
      zipMap,
      node("ArgMax", ["p"], ["label"], {
        attributes: { axis: { int: 1 }, keepdims: { int: 0 } },
      }),
    ],
    inputs: [fp32("x", [-1, 2])],
    outputs: [{ name: "label", datatype: "INT64" as const, shape: [-1] }, maps],
  };
  const rows = numbers("x", [2, 2], [0, 0, 0, 30]);

  it("is served as the tensor behind it, under its own name and with its classes", async () => {
    const { signature, outputs } = await infer(graph, [rows]);
    expect(signature.outputs).toEqual([
      { name: "label", datatype: "INT64", shape: [-1] },
      { name: "output_probability", datatype: "FP32", shape: [-1, 2], labels: ["cat", "dog"] },
    ]);
    const wanted = numbers("output_probability", [2, 2], [0.5, 0.5, 9.357622912219837e-14, 1]);
    expect(outputs[1]).toEqual(wanted);
    expect(await executor.judge(generation)).toEqual({ kind: "batchable" });
  });

  it("is served beside the same tensor, and without the default domain", async () => {
    const scaler = node("Scaler", ["x"], ["p"], {
      domain: "ai.onnx.ml",
      attributes: { scale: { floats: [2] }, offset: { floats: [1] } },
    });
    const outputs = [maps, fp32("p", [-1, 2])];
    const opsets = { "ai.onnx.ml": 1 };
    const run = await infer({ ...graph, nodes: [scaler, zipMap], outputs }, [rows], { opsets });
    expect(run.outputs[0]).toEqual(numbers("output_probability", [2, 2], [-2, -2, -2, 58]));
    expect(run.outputs[1]).toEqual({ ...run.outputs[0], name: "p" });
  });

  it("has integer classes, or no number of them that is known", async () => {
    const given = { classlabels_int64s: { ints: [-1, 2n ** 62n] } };
    const nodes = [graph.nodes[0] ?? zipMap, { ...zipMap, attributes: given }];
    const { signature } = await infer({ ...graph, nodes, outputs: [maps] }, [rows]);
    expect(signature.outputs[0]?.labels).toEqual(["-1", "4611686018427387904"]);
  });
});

describe("BF16 at the edge of a graph", () => {
  const halves = Uint16Array.from([0, 0x8000, 0x3f80, 0x0001, 0x7f80, 0xff80, 0x7f7f, 0xc0a1]);
  const x = tensorOf("x", "BF16", [8], halves);

  it("comes back bit for bit", async () => {
    const graph = { nodes: [node("Identity", ["x"], ["y"])], inputs: [bf16("x", [-1])] };
    const { signature, outputs } = await infer({ ...graph, outputs: [bf16("y", [-1])] }, [x]);
    expect(signature.inputs).toEqual([bf16("x", [-1])]);
    expect(signature.outputs).toEqual([bf16("y", [-1])]);
    expect(outputs).toEqual([{ ...x, name: "y" }]);
  });

  it("is computed with, used twice, passed on, and taken into a subgraph", async () => {
    const twice = {
      name: "then",
      nodes: [node("Identity", ["x"], ["t"])],
      initializers: [],
      inputs: [],
      outputs: [bf16("t", [-1])],
    };
    const condition = tensorOf("c", "BOOL", [], Uint8Array.of(1));
    const graph = {
      nodes: [
        node("Cast", ["x"], ["f"], { attributes: { to: { int: 1 } } }),
        node("If", ["c"], ["z"], {
          attributes: { then_branch: { graph: twice }, else_branch: { graph: twice } },
        }),
      ],
      initializers: [condition],
      inputs: [bf16("x", [-1])],
      outputs: [fp32("f", [-1]), bf16("z", [-1]), bf16("x", [-1])],
    };
    const { outputs } = await infer(graph, [x]);
    expect(outputs.map(({ name, datatype }) => [name, datatype])).toEqual([
      ["f", "FP32"],
      ["z", "BF16"],
      ["x", "BF16"],
    ]);
    expect(outputs[1]).toEqual({ ...x, name: "z" });
    expect(outputs[2]).toEqual(x);
  });

  it("is refused below the opset that can cast it", async () => {
    const graph = { nodes: [node("Identity", ["x"], ["y"])], inputs: [bf16("x", [-1])] };
    const reason = await refusal({ ...graph, outputs: [bf16("y", [-1])] }, { opsets: { "": 12 } });
    expect(reason).toContain("input 'x' is BF16");
    expect(reason).toContain("opset 13 or more");
  });
});

describe("an output that is no tensor", () => {
  const pair = { name: "s", type: { sequence: { tensor: "FP32" as const, shape: [-1] } } };
  const x = numbers("x", [2], [1, 2]);
  const inputs = [fp32("x", [-1])];

  it("is a tensor for each part of a sequence of known length", async () => {
    const nodes = [node("Neg", ["x"], ["n"]), node("SequenceConstruct", ["x", "n"], ["s"])];
    const { signature, outputs } = await infer({ nodes, inputs, outputs: [pair] }, [x]);
    expect(signature.outputs).toEqual([fp32("s_0", [-1]), fp32("s_1", [-1])]);
    expect(outputs).toEqual([{ ...x, name: "s_0" }, numbers("s_1", [2], [-1, -2])]);
  });

  it("is the one tensor of a sequence, and of an optional value", async () => {
    const optional = { name: "o", type: { optional: { tensor: "FP32" as const, shape: [-1] } } };
    const nodes = [
      node("SequenceConstruct", ["x"], ["s0"]),
      node("Identity", ["s0"], ["s"]),
      node("Optional", ["x"], ["o"]),
    ];
    const { outputs } = await infer({ nodes, inputs, outputs: [pair, optional] }, [x]);
    expect(outputs).toEqual([
      { ...x, name: "s" },
      { ...x, name: "o" },
    ]);
  });

  it("is refused where no tensor is behind it, by its name", async () => {
    const nodes = [node("SplitToSequence", ["x"], ["s"])];
    const reason = await refusal({ nodes, inputs, outputs: [pair] });
    expect(reason).toContain("output 's' is a sequence of tensor with no tensor behind it");
  });
});

describe("an input that is no tensor", () => {
  it.each([
    ["map of tensor", { map: { tensor: "FP32", shape: null }, key: "BYTES" }],
    ["sequence of tensor", { sequence: { tensor: "FP32", shape: null } }],
    ["optional of tensor", { optional: { tensor: "FP32", shape: null } }],
    ["sparse tensor", { sparse: "FP32", shape: [3] }],
  ] as const)("is refused: %s", async (kind, type) => {
    const nodes = [node("Identity", ["x"], ["y"])];
    const reason = await refusal({
      nodes,
      inputs: [{ name: "x", type }],
      outputs: [fp32("y", [1])],
    });
    expect(reason).toBe(`input 'x' is a ${kind}, but only tensors can be served`);
  });
});

describe("element types without a datatype", () => {
  const types = ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"] as const;
  const x = numbers("x", [3], [1, -2, 0.5]);
  const to = { float8e4m3fn: 17, float8e4m3fnuz: 18, float8e5m2: 19, float8e5m2fnuz: 20 };

  it.each(types)("%s is an output as FP32", async (type) => {
    const nodes = [node("Cast", ["x"], ["y"], { attributes: { to: { int: to[type] } } })];
    const outputs = [{ name: "y", type: { tensor: type, shape: [-1] } }];
    const run = await infer({ nodes, inputs: [fp32("x", [-1])], outputs }, [x]);
    expect(run.outputs).toEqual([{ ...x, name: "y" }]);
  });

  it.each([
    ["int4", "INT8", 22, [1, -2, 0]],
    ["uint4", "UINT8", 21, [1, 2, 15]],
  ] as const)("%s is an output as %s", async (type, datatype, number, values) => {
    const given = numbers("x", [3], values);
    const nodes = [node("Cast", ["x"], ["y"], { attributes: { to: { int: number } } })];
    const outputs = [{ name: "y", type: { tensor: type, shape: [-1] } }];
    const run = await infer({ nodes, inputs: [fp32("x", [-1])], outputs }, [given]);
    expect(run.outputs).toEqual([tensorOf("y", datatype, [3], Int8Array.from(values))]);
  });

  it.each([...types, "int4", "uint4", "complex64", "float4e2m1", "int2"] as const)(
    "%s is refused as an input",
    async (type) => {
      const nodes = [node("Identity", ["x"], ["y"])];
      const inputs = [{ name: "x", type: { tensor: type, shape: [-1] } }];
      const reason = await refusal({ nodes, inputs, outputs: [fp32("y", [-1])] });
      expect(reason).toContain(`input 'x' has element type ${type}`);
    },
  );
});

describe("weights beside the file", () => {
  const external = {
    name: "w",
    datatype: "BF16" as const,
    shape: [2],
    location: "w.bin",
    offset: 2,
    length: 4,
  };
  const graph = {
    nodes: [
      node("Cast", ["w"], ["f"], { attributes: { to: { int: 1 } } }),
      node("Identity", ["x"], ["y"]),
    ],
    initializers: [external],
    inputs: [bf16("x", [2])],
    outputs: [fp32("f", [2]), bf16("y", [2])],
  };
  const x = tensorOf("x", "BF16", [2], Uint16Array.of(1, 2));

  it("stay where they are when the graph is edited, and no edited file stays", async () => {
    writeFileSync(join(folder, "w.bin"), new Uint8Array(Uint16Array.of(9, 0x3f80, 0xc000).buffer));
    const { outputs } = await infer(graph, [x]);
    expect(outputs).toEqual([numbers("f", [2], [1, -2]), { ...x, name: "y" }]);
    const edited = join(tmpdir(), "thaw");
    expect(
      existsSync(edited) ? readdirSync(edited).filter((n) => n.endsWith(".onnx")) : [],
    ).toEqual([]);
  });

  it.each([
    ["missing.bin", "its weights are in the file 'missing.bin', which is not beside it"],
    ["../w.bin", "its weights are in a file outside of its folder"],
    [join(folder, "w.bin"), "its weights are in a file outside of its folder"],
  ])("are refused elsewhere: %s", async (location, message) => {
    const reason = await refusal({ ...graph, initializers: [{ ...external, location }] });
    expect(reason).toContain(message);
    expect(reason).not.toContain(folder);
  });
});

describe("versions", () => {
  const graph = {
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [fp32("x", [-1])],
    outputs: [fp32("y", [-1])],
  };
  const x = numbers("x", [1], [3]);

  it("are taken up to what ONNX Runtime reads, and refused above in words", async () => {
    await infer(graph, [x], { irVersion: irVersionMax });
    const irVersion = irVersionMax + 1;
    expect(await refusal(graph, { irVersion })).toContain(`it has IR version ${irVersion}`);
  });

  it.each(Object.entries(opsetVersionsMax))("of '%s' up to %i", async (domain, version) => {
    const opsets = { "": 21, [domain]: version };
    if (domain === "ai.onnx") Reflect.deleteProperty(opsets, "");
    await infer(graph, [x], { opsets });
    const reason = await refusal(graph, { opsets: { ...opsets, [domain]: version + 1 } });
    expect(reason).toContain(`it needs opset ${version + 1} of`);
  });
});

describe("what ONNX Runtime refuses", () => {
  const inputs = [fp32("x", [-1])];
  const outputs = [fp32("y", [-1])];

  it("is said with its reason: a custom operator, an unknown one, no kernel", async () => {
    const custom = [node("Foo", ["x"], ["y"], { domain: "my.domain" })];
    const opsets = { "": 21, "my.domain": 1 };
    expect(await refusal({ nodes: custom, inputs, outputs }, { opsets })).toContain(
      "the operator 'Foo' of the domain 'my.domain'",
    );
    const unknown = [node("Foo", ["x"], ["y"])];
    expect(await refusal({ nodes: unknown, inputs, outputs })).toContain(
      "opset 21 has no operator 'Foo'",
    );
    const none = [node("Erf", ["x"], ["y"], { name: "e" })];
    const halves = { inputs: [bf16("x", [-1])], outputs: [bf16("y", [-1])] };
    expect(await refusal({ nodes: none, ...halves })).toContain(
      "cannot compute node 'e' (Erf of opset 13)",
    );
  });

  it("is two outputs of one name", async () => {
    const nodes = [node("Identity", ["x"], ["y"])];
    expect(await refusal({ nodes, inputs, outputs: [...outputs, ...outputs] })).toBe(
      "two of its outputs are named 'y'",
    );
  });
});
