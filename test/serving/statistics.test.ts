import { beforeEach, describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import { batchRowsMax, queueWaitMsMax } from "../../src/domain/limits.ts";
import { type LoadedModel, parseModelName } from "../../src/domain/model.ts";
import type { RunOutcome, RunTimes } from "../../src/domain/ports.ts";
import { noParameters } from "../../src/domain/request.ts";
import type { ModelStatistics } from "../../src/domain/statistics.ts";
import { statisticsMessage } from "../../src/protocol/v2/statistics.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { FakeClock } from "../fakes/clock.ts";
import { FakeExecutor } from "../fakes/executor.ts";
import { tensorInputs } from "../support/inputs.ts";

/** Sums to the last digit, under a clock that stands still until it is told to go on. */

const times: RunTimes = { waitMs: 1, inputMs: 2, inferMs: 30, outputMs: 4 };
const zero = { count: 0, ns: 0 };
const tally = (count: number, ms: number) => ({ count, ns: ms * 1e6 });

let clock: FakeClock;
let executor: FakeExecutor;
let admission: AdmissionGate;
let batcher: Batcher;
let dataplane: ServingDataplane;
let model: LoadedModel;

function start(shape: readonly number[] = [-1, -1]): void {
  clock = new FakeClock();
  executor = new FakeExecutor(1);
  admission = new AdmissionGate({ entriesMax: 100, bytesMax: 100_000 });
  const spec = { name: "x", datatype: "UINT8" as const, shape };
  model = {
    name: parseModelName("m"),
    version: 3,
    generation: 1,
    platform: "test",
    signature: { kind: "fixed", inputs: [spec], outputs: [spec] },
    verdict: { kind: "batchable" },
  };
  batcher = new Batcher({ clock, executor, log: { write: () => {} }, merging: true });
  const lease = () => ({ model, release: () => {} });
  dataplane = new ServingDataplane({ clock, models: { lease }, batcher });
}

beforeEach(() => start());

const past = (): ModelStatistics => batcher.statistics.of(model);

/** Sends a request of so many rows of one byte each; `shape` where it has no rows. */
function send(rows = 1, shape: readonly number[] = [rows, 1]): Call {
  const bytes = new Uint8Array(shape.reduce((product, dim) => product * dim, 1));
  const request = {
    model: model.name,
    version: undefined,
    id: undefined,
    parameters: noParameters,
    inputs: tensorInputs({ name: "x", datatype: "UINT8", shape, bytes }),
    outputs: [],
  };
  const call = new Call(Number.POSITIVE_INFINITY);
  const permit = admission.acquire(bytes.length);
  dataplane
    .infer(request, call, permit)
    .catch(() => {})
    .finally(() => permit.release());
  return call;
}

/** Ends the run that is under way: well, or as it is told. */
async function end(outcome?: RunOutcome): Promise<void> {
  const run = executor.runs.at(-1);
  if (run === undefined) throw new Error("nothing runs");
  run.end(outcome ?? { kind: "done", outputs: run.batch.inputs, times });
  await clock.turn();
  await clock.turn();
}

const fails = (kind: "rejected" | "failed" | "lost") => end({ kind, detail: "native text" });

/** Lets the batcher learn that eight rows at once pay, then forgets all that was counted. */
async function warm(): Promise<void> {
  for (let size = 1; size <= 8; size *= 2) {
    for (let run = 0; run < 4; run += 1) {
      send(size);
      await clock.turn();
      const inputs = executor.runs.at(-1)?.batch.inputs ?? [];
      await end({ kind: "done", outputs: inputs, times: { ...times, inferMs: 1 } });
    }
  }
  batcher.statistics.forget(model.generation);
}

describe("a request that goes well", () => {
  it("is charged its wait, and each part of its run", async () => {
    send(2);
    await clock.turn();
    send(3);
    await clock.advance(50);
    await end();
    await clock.advance(40);
    await end();
    expect(past()).toMatchObject({
      success: tally(2, 50 + 90),
      queue: tally(2, 1 + 51),
      input: tally(2, 4),
      infer: tally(2, 60),
      output: tally(2, 8),
      fail: zero,
      inferences: 5,
      executions: 2,
      lastInferenceMs: clock.wallMs(),
    });
    expect(past().batches.map(({ rows, infer }) => [rows, infer])).toEqual([
      [2, tally(1, 30)],
      [3, tally(1, 30)],
    ]);
  });

  it("is charged the whole batch, which itself counts once", async () => {
    await warm();
    send(1);
    await clock.turn();
    for (const rows of [1, 2, 4]) send(rows);
    await end();
    await clock.advance(100);
    await end();
    expect(past()).toMatchObject({
      success: tally(4, 300),
      queue: tally(4, 4),
      infer: tally(4, 120),
      inferences: 8,
      executions: 2,
    });
    expect(past().batches.map(({ rows, infer }) => [rows, infer])).toEqual([
      [1, tally(1, 30)],
      [7, tally(1, 30)],
    ]);
  });

  it("counts 1 without a batch dimension, and its rows though it runs alone", async () => {
    start([2, 3]);
    model.verdict = { kind: "single", reason: "test" };
    send(1, [2, 3]);
    await clock.turn();
    await end();
    expect(past()).toMatchObject({ inferences: 1, executions: 1 });
    start();
    model.verdict = { kind: "single", reason: "test" };
    send(5);
    await clock.turn();
    await end();
    expect(past()).toMatchObject({ inferences: 5, executions: 1 });
    expect(past().batches.map(({ rows }) => rows)).toEqual([5]);
  });
});

describe("a request that fails", () => {
  it("is in the failures alone, with Triton's reason", async () => {
    for (const kind of ["rejected", "failed", "lost"] as const) {
      send();
      await clock.turn();
      await clock.advance(7);
      await fails(kind);
    }
    expect(past()).toMatchObject({
      success: zero,
      queue: zero,
      infer: zero,
      fail: tally(3, 21),
      failures: { REJECTED: 0, CANCELED: 0, BACKEND: 3, OTHER: 0 },
      inferences: 0,
      executions: 0,
      lastInferenceMs: 0,
      batches: [],
    });
  });

  it("leaves the others of its batch, which run again as singles", async () => {
    await warm();
    send();
    await clock.turn();
    send(2);
    send(3);
    await end();
    await fails("rejected");
    await end();
    await fails("rejected");
    expect(past()).toMatchObject({
      success: { count: 2 },
      fail: { count: 1 },
      failures: { BACKEND: 1 },
      fallbacks: 1,
      inferences: 3,
      executions: 2,
    });
  });

  it("counts as cancelled or expired, in the queue or during its run", async () => {
    const running = send();
    await clock.turn();
    const [cancelled, expired] = [send(), send()];
    send();
    expired.deadlineMs = clock.nowMs() + 20;
    await clock.advance(15);
    cancelled.cancel();
    await clock.advance(queueWaitMsMax);
    expect(past()).toMatchObject({
      fail: tally(3, 15 + 20 + queueWaitMsMax),
      failures: { REJECTED: 2, CANCELED: 1, BACKEND: 0, OTHER: 0 },
      drops: { queued: { cancelled: 1, expired: 2 }, running: { cancelled: 0, expired: 0 } },
    });
    running.deadlineMs = clock.nowMs();
    await clock.advance(10);
    await end();
    const other = send();
    await clock.turn();
    other.cancel();
    await end();
    expect(past()).toMatchObject({
      success: zero,
      failures: { REJECTED: 2, CANCELED: 2, BACKEND: 0, OTHER: 1 },
      drops: { queued: { cancelled: 1, expired: 2 }, running: { cancelled: 1, expired: 1 } },
      // The runs were made all the same.
      inferences: 0,
      executions: 2,
    });
  });

  it("counts nowhere when it does not conform, as with Triton", async () => {
    send(1, [1]);
    await clock.turn();
    expect(past()).toMatchObject({ success: zero, fail: zero });
  });
});

describe("what is kept", () => {
  it("is a bounded number of batch sizes", async () => {
    for (const rows of [batchRowsMax, batchRowsMax + 1, 2 * batchRowsMax, 3 * batchRowsMax]) {
      send(rows);
      await clock.turn();
      await end();
    }
    expect(past().batches.map(({ rows, infer }) => [rows, infer.count])).toEqual([
      [batchRowsMax, 1],
      [2 * batchRowsMax, 2],
      [4 * batchRowsMax, 1],
    ]);
  });

  it("says how many wait, and why requests were refused", async () => {
    for (const rows of [1, 1, 1]) send(rows);
    await clock.turn();
    expect(batcher.queuedByGeneration).toEqual(new Map([[1, 2]]));
    const gate = new AdmissionGate({ entriesMax: 1, bytesMax: 10 });
    expect(() => gate.acquire(11)).toThrow();
    const permit = gate.acquire(1);
    expect(() => permit.resize(11)).toThrow();
    expect(() => gate.acquire(1)).toThrow();
    gate.refuse(true);
    expect(() => gate.acquire(1)).toThrow();
    void gate.close();
    expect(() => gate.acquire(1)).toThrow();
    expect(gate.refused).toEqual({ requests: 1, bytes: 2, memory: 1, "shutting-down": 1 });
  });

  it("is shown in Triton's fields, every digit of it", async () => {
    send(2);
    await clock.turn();
    await clock.advance(40);
    await end();
    send();
    await clock.turn();
    await fails("failed");
    const one = (ms: number) => tally(1, ms);
    expect(statisticsMessage([model], batcher.statistics)).toEqual({
      model_stats: [
        {
          name: "m",
          version: "3",
          last_inference: clock.wallMs(),
          inference_count: 2,
          execution_count: 1,
          inference_stats: {
            success: one(40),
            fail: one(0),
            queue: one(1),
            compute_input: one(2),
            compute_infer: one(30),
            compute_output: one(4),
            cache_hit: zero,
            cache_miss: zero,
          },
          response_stats: {},
          batch_stats: [
            {
              batch_size: 2,
              compute_input: one(2),
              compute_infer: one(30),
              compute_output: one(4),
            },
          ],
          memory_usage: [],
        },
      ],
    });
    const success = { count: 2 ** 53 - 1, ns: 2 ** 53 - 1 };
    const large = { ...past(), success, batches: [] };
    expect(JSON.stringify(statisticsMessage([model], { of: () => large }))).toContain(
      '"success":{"count":9007199254740991,"ns":9007199254740991}',
    );
  });
});
