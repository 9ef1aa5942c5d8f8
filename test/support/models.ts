import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Datatype } from "../../src/domain/datatype.ts";
import { tensorOf, writeModel } from "../../src/formats/onnx/writer.ts";

/** Small ONNX models, made by the project's own writer. */

const opsets = { "": 17 };

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "thaw-test-"));
}

export function save(path: string, model: Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, model);
  return path;
}

/** x → y, unchanged. */
export function identityModel(datatype: Datatype, shape: readonly number[] = [-1, -1]): Uint8Array {
  return writeModel(
    {
      name: "identity",
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
      initializers: [],
      inputs: [{ name: "x", datatype, shape }],
      outputs: [{ name: "y", datatype, shape }],
    },
    { opsets },
  );
}

/** a, b FP32 → sum = a + b, difference = a − b. */
export function sumModel(): Uint8Array {
  const shape = [-1, 2];
  const spec = (name: string) => ({ name, datatype: "FP32" as const, shape });
  return writeModel(
    {
      name: "sum",
      nodes: [
        { op: "Add", inputs: ["a", "b"], outputs: ["sum"] },
        { op: "Sub", inputs: ["a", "b"], outputs: ["difference"] },
      ],
      initializers: [],
      inputs: [spec("a"), spec("b")],
      outputs: [spec("sum"), spec("difference")],
    },
    { opsets },
  );
}

/** x INT64 [-1] → y FP32 [-1]: entries of a table of three; other indices cannot be computed. */
export function tableModel(): Uint8Array {
  return writeModel(
    {
      name: "table",
      nodes: [{ op: "Gather", inputs: ["table", "x"], outputs: ["y"] }],
      initializers: [tensorOf("table", "FP32", [3], new Float32Array([10, 20, 30]))],
      inputs: [{ name: "x", datatype: "INT64", shape: [-1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
    },
    { opsets },
  );
}

/** x INT64 → y = a table of `count` FP32 at x, the table being in a file of its own. */
export function externalModel(location: string, count: number): Uint8Array {
  return writeModel(
    {
      name: "external",
      nodes: [{ op: "Gather", inputs: ["table", "x"], outputs: ["y"] }],
      initializers: [{ name: "table", datatype: "FP32", shape: [count], location }],
      inputs: [{ name: "x", datatype: "INT64", shape: [-1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
    },
    { opsets },
  );
}

/** x INT64 → y = the sum of `count` tables at x; table n has `size` FP32 of n + offset. */
export function tablesModel(count: number, size: number, offset = 0): Uint8Array {
  const tables = Array.from({ length: count }, (_, n) =>
    tensorOf(`t${n}`, "FP32", [size], new Float32Array(size).fill(n + offset)),
  );
  const rows = tables.map((_, n) => `y${n}`);
  return writeModel(
    {
      name: "tables",
      nodes: [
        ...rows.map((row, n) => ({ op: "Gather", inputs: [`t${n}`, "x"], outputs: [row] })),
        { op: "Sum", inputs: rows, outputs: ["y"] },
      ],
      initializers: tables,
      inputs: [{ name: "x", datatype: "INT64", shape: [-1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
    },
    { opsets },
  );
}

/** x FP32 [-1] → y = x + offset; tells versions apart. */
export function offsetModel(offset: number): Uint8Array {
  return writeModel(
    {
      name: "offset",
      nodes: [{ op: "Add", inputs: ["x", "offset"], outputs: ["y"] }],
      initializers: [tensorOf("offset", "FP32", [1], new Float32Array([offset]))],
      inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
    },
    { opsets },
  );
}

/** x FP32 [1] → y FP32 []: a chain of multiplications of square matrices, to take its time. */
export function slowModel(size = 256): Uint8Array {
  const weights = new Float32Array(size * size).fill(1 / size);
  const steps = 24;
  const products = Array.from({ length: steps }, (_, step) => ({
    op: "MatMul",
    inputs: [step === 0 ? "start" : `m${step - 1}`, "weights"],
    outputs: [`m${step}`],
  }));
  return writeModel(
    {
      name: "slow",
      nodes: [
        { op: "Add", inputs: ["x", "weights"], outputs: ["start"] },
        ...products,
        {
          op: "ReduceMean",
          inputs: [`m${steps - 1}`],
          outputs: ["y"],
          attributes: { keepdims: { int: 0 } },
        },
      ],
      initializers: [tensorOf("weights", "FP32", [size, size], weights)],
      inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [] }],
    },
    { opsets },
  );
}
