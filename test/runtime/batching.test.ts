import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { bytesPerElement } from "../../src/domain/datatype.ts";
import { assert } from "../../src/domain/error.ts";
import { graphInputs, parseModelName } from "../../src/domain/model.ts";
import type { Batch, Executor } from "../../src/domain/ports.ts";
import { noParameters } from "../../src/domain/request.ts";
import type { Tensor, TensorSpec } from "../../src/domain/tensor.ts";
import { Repository } from "../../src/models/repository.ts";
import { PiscinaExecutor } from "../../src/runtime/executor.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { tensorInputs } from "../support/inputs.ts";
import { save, temporaryFolder } from "../support/models.ts";
import { batchableModels, singleModels } from "../support/row-models.ts";
import { irisModel } from "../support/server.ts";

/**
 * Real graphs under concurrency: whatever is merged with whatever, each answer equals, in every bit,
 * the answer that its request gets alone. `THAW_ANSWERS` says how many per model.
 */

const answersPerModel = Number(process.env["THAW_ANSWERS"] ?? 400);
const silent = { write: () => {} };
const folder = temporaryFolder();
const models: Readonly<Record<string, Uint8Array>> = {
  iris: readFileSync(irisModel),
  ...Object.fromEntries(Object.entries(batchableModels).map(([name, make]) => [name, make()])),
  ...Object.fromEntries(
    Object.entries(singleModels).map(([name, make]) => [name.replaceAll(" ", "-"), make()]),
  ),
};

const executor = new PiscinaExecutor({
  slots: 2,
  threads: 1,
  workerFile: join(import.meta.dirname, "../../src/runtime/worker.ts"),
  heapMiBMax: 256,
  log: silent,
  onRefillFailed: () => {},
});
const batches: number[] = [];
/** The executor itself, and a note of how large each batch was. */
const counting: Executor = {
  load: (plan) => executor.load(plan),
  filled: (generation) => executor.filled(generation),
  unload: (generation) => executor.unload(generation),
  judge: (generation) => executor.judge(generation),
  freeSlots: (generation) => executor.freeSlots(generation),
  onSlotFree: (task) => executor.onSlotFree(task),
  run: (batch: Batch) => {
    batches.push(batch.inputs[0]?.shape[0] ?? 0);
    return executor.run(batch);
  },
};
const repository: Repository = new Repository({
  clock: systemClock,
  executor: counting,
  log: silent,
  onChange: () => {},
});
const batcher = new Batcher({ clock: systemClock, executor: counting, log: silent, merging: true });
const dataplane = new ServingDataplane({ clock: systemClock, models: repository, batcher });
const admission = new AdmissionGate({ entriesMax: 10_000, bytesMax: 2 ** 30 });

afterAll(() => executor.close());

let state = 1;
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

function randomInput({ name, datatype, shape }: TensorSpec, rows: number, free: number): Tensor {
  const dims = [rows, ...(shape ?? []).slice(1).map((dim) => (dim === -1 ? free : dim))];
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (datatype === "BYTES") {
    const strings = Array.from({ length: count }, () => `${Math.floor(random() * 1e6)}`);
    return { name, datatype, shape: dims, strings };
  }
  const bytes = new Uint8Array(count * bytesPerElement(datatype));
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index += 1) {
    if (datatype === "FP32") view.setFloat32(index * 4, random() * 8 - 4, true);
    else if (datatype === "FP16") view.setFloat16(index * 2, random() * 8 - 4, true);
    else bytes[index * bytesPerElement(datatype)] = random() < 0.5 ? 0 : 1;
  }
  return { name, datatype, shape: dims, bytes };
}

async function infer(name: string, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const request = {
    model: parseModelName(name),
    version: undefined,
    id: undefined,
    parameters: noParameters,
    inputs: tensorInputs(...inputs),
    outputs: [],
  };
  const permit = admission.acquire(1);
  try {
    return (await dataplane.infer(request, new Call(Number.POSITIVE_INFINITY), permit)).outputs;
  } finally {
    permit.release();
  }
}

const text = (tensors: readonly Tensor[]) =>
  JSON.stringify(
    tensors.map((tensor) => [
      tensor.name,
      tensor.shape,
      tensor.datatype === "BYTES" ? tensor.strings : Buffer.from(tensor.bytes).toString("hex"),
    ]),
  );

describe("an answer out of a batch is the answer alone", () => {
  it.each(Object.entries(models))("%s", { timeout: 600_000 }, async (name, model) => {
    const modelPath = save(join(folder, `${name}.onnx`), model);
    await repository.load({ name: parseModelName(name), version: 1, modelPath });
    await repository.judge();
    executor.grow();
    const [loaded] = repository.loaded(parseModelName(name));
    assert(loaded !== undefined, "the model is not loaded");
    const { signature, verdict } = loaded;
    const specs = graphInputs(signature);
    const fixed = specs.some(({ shape }) => shape?.[0] !== -1);
    batches.length = 0;
    let different = 0;
    for (let answered = 0; answered < answersPerModel; answered += 100) {
      const requests = Array.from({ length: 100 }, () => {
        const rows = fixed ? 1 : 1 + Math.floor(random() * 5);
        const free = 1 + Math.floor(random() * 2);
        return specs.map((spec) => randomInput(spec, rows, free));
      });
      const together = await Promise.all(requests.map((inputs) => infer(name, inputs)));
      for (const [index, inputs] of requests.entries()) {
        const alone = await infer(name, inputs);
        if (text(alone) !== text(together[index] ?? [])) different += 1;
      }
    }
    expect(different).toBe(0);
    const merged = Math.max(...batches) > 5;
    expect(merged).toBe(verdict.kind === "batchable");
  });
});
