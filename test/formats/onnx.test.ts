import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { irisModel as trainedIris } from "../../scripts/train-iris.ts";
import { FormatError } from "../../src/formats/error.ts";
import { externalFiles } from "../../src/formats/onnx/external.ts";
import { planGraph } from "../../src/formats/onnx/plan.ts";
import { tensorOf, writeModel } from "../../src/formats/onnx/writer.ts";
import { save, temporaryFolder } from "../support/models.ts";
import { irisModel } from "../support/server.ts";

const folder = temporaryFolder();
const opsets = { "": 17 };

describe("the Iris model", () => {
  it("is re-made bit for bit by its script", () => {
    expect(Buffer.from(trainedIris()).equals(readFileSync(irisModel))).toBe(true);
  });
});

describe("a signature", () => {
  const value = (name: string, shape: readonly number[] | null) => ({
    name,
    datatype: "FP32" as const,
    shape,
  });
  const graph = {
    name: "g",
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    initializers: [],
    inputs: [value("x", [-1, 3, -1])],
    outputs: [value("y", [])],
  };

  it("is read from the graph: names, datatypes, free dimensions, scalars, unknown ranks", () => {
    const outputs = [value("y", []), value("z", null)];
    const path = save(join(folder, "a.onnx"), writeModel({ ...graph, outputs }, { opsets }));
    expect(planGraph(path).signature).toEqual({ kind: "fixed", inputs: graph.inputs, outputs });
  });

  it("leaves out initializers that an old file lists as inputs", () => {
    const weights = tensorOf("w", "FP32", [1], new Float32Array([1]));
    const inputs = [...graph.inputs, value("w", [1])];
    const old = writeModel({ ...graph, inputs, initializers: [weights] }, { opsets, irVersion: 3 });
    const path = save(join(folder, "old.onnx"), old);
    expect(planGraph(path).signature.inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("is found behind weights of any size", () => {
    const big = tensorOf("w", "UINT8", [3_000_000], new Uint8Array(3_000_000));
    const model = writeModel({ ...graph, initializers: [big] }, { opsets });
    expect(planGraph(save(join(folder, "big.onnx"), model)).signature.inputs).toHaveLength(1);
  });

  it("refuses what cannot be served, and files that are no models, at any cut", () => {
    const half = { name: "x", type: { tensor: "float8e5m2" as const, shape: [1] } };
    const unservable = writeModel({ ...graph, inputs: [half] }, { opsets });
    const path = save(join(folder, "float8.onnx"), unservable);
    expect(() => planGraph(path)).toThrow("input 'x' has element type float8e5m2");
    const whole = readFileSync(irisModel);
    for (let length = 0; length < whole.length; length += 1) {
      const cut = join(folder, "cut.onnx");
      writeFileSync(cut, whole.subarray(0, length));
      try {
        planGraph(cut);
      } catch (error) {
        expect(error, `cut at ${length}`).toBeInstanceOf(FormatError);
      }
    }
  });
});

describe("files of weights", () => {
  const external = (name: string, location: string) => ({
    name,
    datatype: "FP32" as const,
    shape: [1],
    location,
    offset: 4,
    length: 4,
  });
  const branch = (name: string, location: string) => ({
    name,
    nodes: [{ op: "Identity", inputs: [name], outputs: [`${name}_y`] }],
    initializers: [external(name, location)],
    inputs: [],
    outputs: [{ name: `${name}_y`, datatype: "FP32" as const, shape: [1] }],
  });
  const attributes = {
    then_branch: { graph: branch("a", "sub/a.data") },
    else_branch: { graph: branch("b", "../b.data") },
  };
  const model = writeModel(
    {
      name: "g",
      nodes: [{ op: "If", inputs: ["x"], outputs: ["y"], attributes }],
      initializers: [
        external("c", "c.data"),
        external("d", "c.data"),
        tensorOf("e", "FP32", [1], new Float32Array([1])),
      ],
      inputs: [{ name: "x", datatype: "BOOL", shape: [] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [1] }],
    },
    { opsets },
  );

  it("are found in the graph and in those inside it, each once", () => {
    const path = save(join(folder, "external.onnx"), model);
    expect(externalFiles(path)).toEqual(["sub/a.data", "../b.data", "c.data"]);
  });

  it("of a file that is cut off end with an error of the format", () => {
    for (let length = 1; length < model.length; length += 1) {
      const path = save(join(folder, "cut.onnx"), model.subarray(0, length));
      try {
        expect(externalFiles(path).length).toBeLessThanOrEqual(3);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});
