import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PiscinaExecutor } from "../../src/runtime/executor.ts";
import { save, temporaryFolder } from "../support/models.ts";
import { batchableModels, singleModels } from "../support/row-models.ts";
import { irisModel } from "../support/server.ts";

/** The verdict over real graphs, by real runs. */

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

async function verdictOf(path: string) {
  generation += 1;
  const loaded = await executor.load({ generation, modelPath: path });
  expect(loaded).toMatchObject({ kind: "loaded" });
  return executor.judge(generation);
}

describe("rows are independent", () => {
  it("in Iris", async () => {
    expect(await verdictOf(irisModel)).toEqual({ kind: "batchable" });
  });

  it.each(Object.entries(batchableModels))("in %s", async (name, make) => {
    const path = save(join(folder, `${name}.onnx`), make());
    expect(await verdictOf(path)).toEqual({ kind: "batchable" });
  });
});

describe("rows are not independent", () => {
  it.each(Object.entries(singleModels))("with %s, and the reason says so", async (name, make) => {
    const path = save(join(folder, `${name.replaceAll(" ", "-")}.onnx`), make());
    const verdict = await verdictOf(path);
    expect(verdict.kind).toBe("single");
    expect(verdict).toHaveProperty("reason");
  });
});
