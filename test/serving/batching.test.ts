import { beforeEach, describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import type { ServingError } from "../../src/domain/error.ts";
import { batchRowsMax, batchRunMsMax } from "../../src/domain/limits.ts";
import { type LoadedModel, parseModelName } from "../../src/domain/model.ts";
import type { RunOutcome } from "../../src/domain/ports.ts";
import { noParameters, type Parameters } from "../../src/domain/request.ts";
import type { Tensor } from "../../src/domain/tensor.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { BatchCap } from "../../src/serving/cap.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { FakeClock } from "../fakes/clock.ts";
import { done, FakeExecutor } from "../fakes/executor.ts";
import { tensorInputs } from "../support/inputs.ts";

/** Merging, rule by rule; among them the bugs that other servers have had with it. */

const spec = (name: string, datatype: "UINT8" | "BYTES" = "UINT8") => ({
  name,
  datatype,
  shape: [-1, -1],
});
let model: LoadedModel;
let clock: FakeClock;
let executor: FakeExecutor;
let admission: AdmissionGate;
let dataplane: ServingDataplane;

function start(slots: number): void {
  clock = new FakeClock();
  executor = new FakeExecutor(slots);
  admission = new AdmissionGate({ entriesMax: 10_000, bytesMax: 1_000_000 });
  model = {
    name: parseModelName("m"),
    version: 1,
    generation: 1,
    platform: "test",
    signature: { kind: "fixed", inputs: [spec("x")], outputs: [spec("x"), spec("y")] },
    verdict: { kind: "batchable" },
  };
  const lease = () => ({ model, release: () => {} });
  const batcher = new Batcher({ clock, executor, log: { write: () => {} }, merging: true });
  dataplane = new ServingDataplane({ clock, models: { lease }, batcher });
}

beforeEach(() => start(1));

interface Sent {
  answer: readonly Tensor[] | undefined;
  error: ServingError["kind"] | undefined;
}

interface Given {
  readonly rows?: readonly (readonly number[])[];
  readonly outputs?: readonly string[];
  readonly parameters?: Parameters;
  readonly call?: Call;
}

function send({ rows = [[1]], outputs = ["x"], parameters = noParameters, call }: Given): Sent {
  const shape = [rows.length, rows[0]?.length ?? 0];
  const request = {
    model: model.name,
    version: undefined,
    id: undefined,
    parameters,
    inputs: tensorInputs({
      name: "x",
      datatype: "UINT8",
      shape,
      bytes: new Uint8Array(rows.flat()),
    }),
    outputs: outputs.map((name) => ({ name, parameters: noParameters })),
  };
  const sent: Sent = { answer: undefined, error: undefined };
  const permit = admission.acquire(1);
  dataplane
    .infer(request, call ?? new Call(Number.POSITIVE_INFINITY), permit)
    .then(
      ({ outputs: answer }) => {
        sent.answer = answer;
      },
      (error: ServingError) => {
        sent.error = error.kind;
      },
    )
    .finally(() => permit.release());
  return sent;
}

const rowsOf = (index: number) => executor.runs[index]?.batch.inputs[0]?.shape[0];
const numbers = ({ answer }: Sent) => {
  const [tensor] = answer ?? [];
  return tensor === undefined || tensor.datatype === "BYTES" ? undefined : [...tensor.bytes];
};

async function end(index: number, outcome?: RunOutcome): Promise<void> {
  const run = executor.runs[index];
  if (run === undefined) throw new Error(`no run ${index}`);
  run.end(outcome ?? done(run.batch));
  await clock.turn();
  await clock.turn();
}

/** Runs of one row, until the cap allows `rows`. */
async function warm(rows: number): Promise<void> {
  for (let size = 1; size <= rows; size *= 2) {
    for (let run = 0; run < 4; run += 1) {
      send({ rows: Array.from({ length: size }, () => [0]) });
      await clock.turn();
      const at = executor.runs.length - 1;
      const times = { waitMs: 0, inputMs: 0, inferMs: 1, outputMs: 0 };
      await end(at, { kind: "done", outputs: executor.runs[at]?.batch.inputs ?? [], times });
    }
  }
  executor.runs.length = 0;
}

describe("a batch", () => {
  it("gives three requests their own three answers, and none an empty one", async () => {
    await warm(8);
    const blocker = send({});
    await clock.turn();
    const sent = [send({ rows: [[1]] }), send({ rows: [[2], [3]] }), send({ rows: [[4]] })];
    await end(0);
    expect(rowsOf(1)).toBe(4);
    await end(1);
    expect(sent.map(numbers)).toEqual([[1], [2, 3], [4]]);
    expect(numbers(blocker)).toEqual([1]);
  });

  it("never mixes requests for other outputs, nor of another width", async () => {
    await warm(8);
    send({});
    await clock.turn();
    send({ outputs: ["x"] });
    send({ outputs: ["y"] });
    send({ rows: [[1, 2]] });
    send({ outputs: ["x"] });
    await end(0);
    for (let index = 1; index < 4; index += 1) await end(index);
    const batches = executor.runs
      .slice(1)
      .map(({ batch }) => [batch.outputs, batch.inputs[0]?.shape]);
    expect(batches).toEqual([
      [["x"], [2, 1]],
      [["y"], [1, 1]],
      [["x"], [1, 2]],
    ]);
  });

  it("takes rows from dimension 0 alone: [59] of one element is one row wide, not 59 wide", async () => {
    await warm(64);
    send({});
    await clock.turn();
    const [wide, other] = [send({ rows: [[...Array(59).keys()]] }), send({ rows: [[7]] })];
    await end(0);
    await end(1);
    await end(2);
    expect(numbers(wide)).toHaveLength(59);
    expect(numbers(other)).toEqual([7]);
  });

  it("is split over the slots that are free", async () => {
    start(2);
    await warm(8);
    for (let row = 0; row < 6; row += 1) send({ rows: [[row]] });
    await clock.turn();
    expect([rowsOf(0), rowsOf(1)]).toEqual([3, 3]);
  });

  it("of one request costs what a request costs: it never waits for others", async () => {
    send({});
    await clock.turn();
    expect(executor.runs).toHaveLength(1);
  });

  it("with other rows out than in is run again as singles, and the model is not merged again", async () => {
    await warm(8);
    send({});
    await clock.turn();
    const sent = [send({ rows: [[1]] }), send({ rows: [[2]] })];
    await end(0);
    const times = { waitMs: 0, inputMs: 0, inferMs: 0, outputMs: 0 };
    const [tensor] = executor.runs[1]?.batch.inputs ?? [];
    const odd = tensor === undefined ? [] : [{ ...tensor, shape: [3, 1] }];
    await end(1, { kind: "done", outputs: odd, times });
    await end(2);
    await end(3);
    expect(sent.map(numbers)).toEqual([[1], [2]]);
    expect(model.verdict.kind).toBe("single");
  });

  it("that fails is run again as singles: only the bad request gets an error", async () => {
    await warm(8);
    send({});
    await clock.turn();
    const gone = new Call(Number.POSITIVE_INFINITY);
    const sent = [send({ rows: [[1]] }), send({ rows: [[2]] }), send({ call: gone })];
    await end(0);
    expect(rowsOf(1)).toBe(3);
    gone.cancel();
    await end(1, { kind: "rejected", detail: "test" });
    await end(2, { kind: "rejected", detail: "test" });
    await end(3);
    expect(sent.map(({ error }) => error)).toEqual(["invalid-request", undefined, "cancelled"]);
    expect(numbers(sent[1] ?? sent[0] ?? send({}))).toEqual([2]);
    expect(executor.runs).toHaveLength(4);
  });

  it("that a worker was lost with is not run again", async () => {
    await warm(8);
    send({});
    await clock.turn();
    const sent = [send({}), send({})];
    await end(0);
    await end(1, { kind: "lost", detail: "test" });
    expect(sent.map(({ error }) => error)).toEqual(["worker-lost", "worker-lost"]);
    expect(executor.runs).toHaveLength(2);
  });

  it("starves nobody: the oldest goes first", async () => {
    await warm(2);
    send({});
    await clock.turn();
    const sent = Array.from({ length: 12 }, (_, row) => send({ rows: [[row]] }));
    for (let index = 0; executor.runs[index] !== undefined; index += 1) {
      await end(index);
      const answered = sent.map((one) => one.answer !== undefined);
      expect(answered.lastIndexOf(true)).toBe(answered.filter(Boolean).length - 1);
    }
    expect(sent.map(numbers)).toEqual(sent.map((_, row) => [row]));
  });

  it("of a model that is not judged yet, or mixes its rows, is one request", async () => {
    for (const verdict of [{ kind: "pending" }, { kind: "single", reason: "test" }] as const) {
      start(1);
      model.verdict = verdict;
      for (let count = 0; count < 3; count += 1) send({});
      await clock.turn();
      expect(rowsOf(0)).toBe(1);
    }
  });
});

describe("the cap", () => {
  const grow = (cap: BatchCap, msOf: (rows: number) => number) => {
    for (let run = 0; run < 200; run += 1) cap.record(cap.rows, msOf(cap.rows));
    return cap.rows;
  };

  it("goes to the maximum where a run costs the same whatever its rows", () => {
    expect(grow(new BatchCap(), () => 0.01)).toBe(batchRowsMax);
  });

  it("stays at one where rows gain nothing", () => {
    expect(grow(new BatchCap(), (rows) => 2 * rows)).toBe(1);
  });

  it("stops where the gain stops", () => {
    expect(grow(new BatchCap(), (rows) => Math.max(1, rows / 16))).toBe(16);
  });

  it("keeps a run within its bound", () => {
    const cap = new BatchCap();
    expect(grow(cap, (rows) => 5 + rows) + 5).toBeLessThanOrEqual(batchRunMsMax);
  });
});
