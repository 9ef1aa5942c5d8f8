import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import { systemClock } from "../../src/domain/clock.ts";
import type { ServingError } from "../../src/domain/error.ts";
import { parseModelName } from "../../src/domain/model.ts";
import type { Log } from "../../src/domain/ports.ts";
import { noParameters } from "../../src/domain/request.ts";
import { Repository } from "../../src/models/repository.ts";
import { PiscinaExecutor } from "../../src/runtime/executor.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { tensorInputs } from "../support/inputs.ts";
import { offsetModel, save, temporaryFolder } from "../support/models.ts";

/** The real executor with real workers, one of which can be made to die. */

const folder = temporaryFolder();
const model = parseModelName("offset");
const modelPath = save(join(folder, "offset.onnx"), offsetModel(1));
const workerFile = join(import.meta.dirname, "../support/mortal-worker.ts");

let close: (() => Promise<void>) | undefined;

afterEach(async () => {
  await close?.();
});

async function serve(slots: number) {
  const events: string[] = [];
  const log: Log = { write: (_, event) => void events.push(event) };
  const executor = new PiscinaExecutor({
    slots,
    threads: 1,
    workerFile,
    heapMiBMax: 64,
    log,
    onRefillFailed: (_, reason) => events.push(reason),
  });
  close = () => executor.close();
  const repository: Repository = new Repository({
    clock: systemClock,
    executor,
    log,
    onChange: () => {},
  });
  const batcher = new Batcher({ clock: systemClock, executor, log, merging: true });
  const admission = new AdmissionGate({ entriesMax: 1_000, bytesMax: 1_000_000 });
  const dataplane = new ServingDataplane({ clock: systemClock, models: repository, batcher });
  await repository.load({ name: model, version: 1, modelPath });
  executor.grow();
  const infer = async (value: number): Promise<number | ServingError["kind"]> => {
    const bytes = new Uint8Array(new Float32Array([value]).buffer);
    const request = {
      model,
      version: undefined,
      id: undefined,
      parameters: noParameters,
      inputs: tensorInputs({ name: "x", datatype: "FP32", shape: [1], bytes }),
      outputs: [],
    };
    const permit = admission.acquire(4);
    try {
      const call = new Call(systemClock.nowMs() + 20_000);
      const { outputs } = await dataplane.infer(request, call, permit);
      const [output] = outputs;
      if (output === undefined || output.datatype === "BYTES") return "internal";
      return new DataView(output.bytes.buffer, output.bytes.byteOffset).getFloat32(0, true);
    } catch (error) {
      return (error as ServingError).kind;
    } finally {
      permit.release();
    }
  };
  return { infer, repository, admission, events, executor };
}

describe("a lost worker", () => {
  it.each([
    ["exit", -1],
    ["uncaught error", -2],
    ["exhausted heap", -3],
  ])("by %s costs only its own request, and is replaced", async (_, poison) => {
    const { infer, repository, admission, events, executor } = await serve(2);
    const before = await Promise.all([1, 2, 3].map(infer));
    expect(before).toEqual([2, 3, 4]);
    const values = Array.from({ length: 40 }, (__, index) => index);
    const [lost, ...others] = await Promise.all([infer(poison), ...values.map(infer)]);
    expect(lost).toBe("worker-lost");
    expect(others).toEqual(values.map((value) => value + 1));
    expect(repository.ready(model, undefined)).toBe(true);
    expect(await Promise.all(values.map(infer))).toEqual(values.map((value) => value + 1));
    expect([admission.entries, admission.bytes]).toEqual([0, 0]);
    expect(events).toContain("worker lost");
    expect(executor.slots.lost).toBe(1);
  });

  it("is replaced again and again, with one slot too", async () => {
    const { infer } = await serve(1);
    for (let round = 0; round < 5; round += 1) {
      const [lost, next] = await Promise.all([infer(-1), infer(round)]);
      expect(lost).toBe("worker-lost");
      expect(next).toBe(round + 1);
    }
  });
});

describe("the executor", () => {
  it("says why a file cannot be loaded, and stays whole", async () => {
    const { repository, infer } = await serve(1);
    const name = parseModelName("none");
    const load = repository.load({ name, version: 1, modelPath: join(folder, "none.onnx") });
    await expect(load).rejects.toThrow("model 'none' cannot be loaded");
    expect(await infer(1)).toBe(2);
  });

  it("knows how long its longest run has taken", async () => {
    const { executor, infer } = await serve(1);
    expect(executor.longestRunMs()).toBe(0);
    const run = infer(-4);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(executor.longestRunMs()).toBeGreaterThan(10);
    expect(await run).toBe(-3);
    expect(executor.longestRunMs()).toBe(0);
  });

  it("unloads what it has loaded", async () => {
    const { executor } = await serve(1);
    expect(executor.freeSlots(1)).toBe(1);
    await executor.unload(1);
    expect(executor.freeSlots(1)).toBe(0);
  });
});
