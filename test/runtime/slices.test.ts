import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runElementsMax } from "../../src/domain/limits.ts";
import type { Tensor } from "../../src/domain/tensor.ts";
import { lower } from "../../src/formats/lower.ts";
import { cutRows, joinRows } from "../../src/runtime/slices.ts";
import { perform } from "../../src/runtime/worker.ts";
import { temporaryFolder } from "../support/models.ts";

const goldens = join(import.meta.dirname, "../formats/goldens/sklearn/1.9.1");

describe("rows in parts", () => {
  const tensors = fc
    .record({ rows: fc.nat(20), width: fc.nat(3), texts: fc.boolean() })
    .map(({ rows, width, texts }): Tensor => {
      const count = rows * width;
      const shape = [rows, width];
      if (texts) {
        const strings = Array.from({ length: count }, (_, at) => `t${at}`);
        return { name: "t", datatype: "BYTES", shape, strings };
      }
      const bytes = new Uint8Array(Float32Array.from({ length: count }, (_, at) => at).buffer);
      return { name: "x", datatype: "FP32", shape, bytes };
    });

  it("are what they were when they are put together", () => {
    fc.assert(
      fc.property(tensors, fc.integer({ min: 1, max: 25 }), (tensor, rows) => {
        const parts = cutRows([tensor], rows);
        for (const [part] of parts) expect(part?.shape[0]).toBeLessThanOrEqual(rows);
        expect(joinRows(parts)).toEqual([tensor]);
      }),
    );
  });
});

it("a model with wide values runs many rows in parts, and answers as it does row by row", async () => {
  const folder = temporaryFolder();
  const modelPath = join(goldens, "KNeighborsClassifier-0.joblib");
  const { rowsAtOnce, signature } = await lower(modelPath, folder);
  const width = signature.kind === "tabular" ? signature.columns.length : 0;
  const load = { kind: "load", generation: 1, modelPath, folder, threads: 1 } as const;
  expect(await perform(load)).toMatchObject({ kind: "loaded" });
  const rows = rowsAtOnce + 3;
  expect(rows).toBeLessThan(runElementsMax);
  const values = Float64Array.from({ length: rows * width }, (_, at) => Math.sin(at % 101));
  const ask = async (from: number, to: number) => {
    const bytes = new Uint8Array(values.slice(from * width, to * width).buffer);
    const inputs = [
      { name: "numbers", datatype: "FP64", shape: [to - from, width], bytes } as const,
    ];
    const outputs = ["predict", "predict_proba"];
    const reply = await perform({ kind: "run", generation: 1, inputs, outputs, sentMs: 0 });
    if (reply.kind !== "done") throw new Error(JSON.stringify(reply));
    return reply.outputs;
  };
  const all = await ask(0, rows);
  expect(all.map(({ shape }) => shape[0])).toEqual([rows, rows]);
  for (const at of [0, rowsAtOnce - 1, rowsAtOnce, rows - 1]) {
    const [, proba] = all;
    const [, alone] = await ask(at, at + 1);
    if (proba?.datatype !== "FP64" || alone?.datatype !== "FP64") expect.fail("no probabilities");
    const size = alone.bytes.length;
    expect(Buffer.from(proba.bytes.subarray(at * size, (at + 1) * size))).toEqual(
      Buffer.from(alone.bytes),
    );
  }
});
