import { beforeEach, describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import type { ServingError } from "../../src/domain/error.ts";
import { conformElements, queueWaitMsMax } from "../../src/domain/limits.ts";
import { type LoadedModel, parseModelName } from "../../src/domain/model.ts";
import type { Log } from "../../src/domain/ports.ts";
import { type InferRequest, noParameters, type Parameters } from "../../src/domain/request.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { FakeClock } from "../fakes/clock.ts";
import { done, FakeExecutor } from "../fakes/executor.ts";
import { tensorInputs } from "../support/inputs.ts";

const silent: Log = { write: () => {} };

function modelOf(text: string, generation: number): LoadedModel {
  const spec = { name: "x", datatype: "UINT8" as const, shape: [-1] };
  const signature = { kind: "fixed" as const, inputs: [spec], outputs: [spec] };
  const name = parseModelName(text);
  return {
    name,
    version: 1,
    generation,
    platform: "test",
    signature,
    verdict: { kind: "pending" },
  };
}

let clock: FakeClock;
let executor: FakeExecutor;
let admission: AdmissionGate;
let dataplane: ServingDataplane;
let leases: number;

beforeEach(() => {
  clock = new FakeClock();
  executor = new FakeExecutor(1);
  admission = new AdmissionGate({ entriesMax: 4, bytesMax: 1_000 });
  leases = 0;
  const lease = (name: string) => {
    leases += 1;
    const model = modelOf(name, name === "a" ? 1 : 2);
    return {
      model,
      release: () => {
        leases -= 1;
      },
    };
  };
  const batcher = new Batcher({ clock, executor, log: silent, merging: true });
  dataplane = new ServingDataplane({ clock, models: { lease }, batcher });
});

interface Sent {
  readonly call: Call;
  outcome: "pending" | "done" | ServingError["kind"];
}

/** Sends a request as an edge does; `value` tells requests apart. */
function send(value: number, model = "a", parameters: Parameters = noParameters): Sent {
  const request: InferRequest = {
    model: parseModelName(model),
    version: undefined,
    id: undefined,
    parameters,
    inputs: tensorInputs({
      name: "x",
      datatype: "UINT8",
      shape: [1],
      bytes: new Uint8Array([value]),
    }),
    outputs: [],
  };
  const sent: Sent = { call: new Call(clock.nowMs() + 1_000), outcome: "pending" };
  const permit = admission.acquire(1);
  dataplane
    .infer(request, sent.call, permit)
    .then(
      () => {
        sent.outcome = "done";
      },
      (error: ServingError) => {
        sent.outcome = error.kind;
      },
    )
    .finally(() => permit.release());
  return sent;
}

const values = () =>
  executor.runs.map(({ batch }) => {
    const [tensor] = batch.inputs;
    return tensor !== undefined && tensor.datatype !== "BYTES" ? tensor.bytes[0] : undefined;
  });

async function finish(index: number): Promise<void> {
  const run = executor.runs[index];
  run?.end(done(run.batch));
  await clock.turn();
  await clock.turn();
}

describe("a wait that is too long", () => {
  /** Each run is told to have taken so long. */
  async function ran(index: number, ms: number): Promise<void> {
    const run = executor.runs[index];
    const outcome = done(run?.batch ?? { generation: 1, inputs: [], outputs: [], buffers: [] });
    if (outcome.kind !== "done") throw new Error(outcome.kind);
    run?.end({ ...outcome, times: { ...outcome.times, inferMs: ms } });
    await clock.turn();
    await clock.turn();
  }

  it("is refused at once, by the times that were measured", async () => {
    send(1);
    await clock.turn();
    await ran(0, 600);
    const sent = [send(2), send(3)];
    await clock.turn();
    // One runs, one waits 600 ms; what comes now would have waited longer than it may.
    const late = [send(4), send(5)];
    await clock.turn();
    expect([...sent, ...late].map(({ outcome }) => outcome)).toEqual([
      "pending",
      "pending",
      "pending",
      "overloaded",
    ]);
    for (let index = 1; index < executor.runs.length; index += 1) await ran(index, 600);
    for (let index = 1; index < executor.runs.length; index += 1) await ran(index, 600);
    expect(leases).toBe(0);
    expect(admission.entries).toBe(0);
  });
});

describe("the data plane", () => {
  it("dispatches at the end of the turn, one batch for each free slot, in order", async () => {
    const sent = [send(1), send(2), send(3)];
    expect(values()).toEqual([]);
    await clock.turn();
    expect(values()).toEqual([1]);
    await finish(0);
    expect(values()).toEqual([1, 2]);
    await finish(1);
    await finish(2);
    expect(sent.map(({ outcome }) => outcome)).toEqual(["done", "done", "done"]);
    expect([admission.entries, admission.bytes, leases]).toEqual([0, 0, 0]);
  });

  it("takes models in turn", async () => {
    for (const value of [1, 2]) send(value, "a");
    for (const value of [11, 12]) send(value, "b");
    await clock.turn();
    for (const index of [0, 1, 2, 3]) await finish(index);
    expect(values()).toEqual([1, 11, 2, 12]);
  });

  it("refuses at once what goes beyond its limits, at n + 1", () => {
    for (const value of [1, 2, 3, 4]) send(value);
    expect(() => admission.acquire(1)).toThrow("Exceeds maximum queue size");
    const gate = new AdmissionGate({ entriesMax: 10, bytesMax: 100 });
    const permit = gate.acquire(60);
    expect(() => gate.acquire(41)).toThrow("at most 100 bytes");
    gate.acquire(40);
    expect(() => permit.resize(61)).toThrow("at most 100 bytes");
    permit.resize(10);
    expect(gate.bytes).toBe(50);
  });

  it("never dispatches what was cancelled or has expired", async () => {
    const [running, cancelled, expired, last] = [send(1), send(2), send(3), send(4)];
    expired?.call.limit(clock.nowMs() + 5);
    await clock.turn();
    cancelled?.call.cancel();
    await clock.turn();
    expect(cancelled?.outcome).toBe("cancelled");
    await clock.advance(20);
    expect(expired?.outcome).toBe("deadline-exceeded");
    await finish(0);
    await finish(1);
    expect(values()).toEqual([1, 4]);
    expect([running?.outcome, last?.outcome]).toEqual(["done", "done"]);
  });

  it("answers at the deadline while the run goes on, and keeps its permit until that ends", async () => {
    const sent = send(1);
    await clock.turn();
    await clock.advance(1_020);
    expect(sent.outcome).toBe("deadline-exceeded");
    expect([admission.entries, leases]).toEqual([1, 1]);
    await finish(0);
    expect([admission.entries, leases]).toEqual([0, 0]);
    expect(sent.outcome).toBe("deadline-exceeded");
  });

  it("keeps a client's own limit, in microseconds", async () => {
    const sent = send(1, "a", new Map([["timeout", 5_000]]));
    await clock.turn();
    await clock.advance(4);
    expect(sent.outcome).toBe("pending");
    await clock.advance(20);
    expect(sent.outcome).toBe("deadline-exceeded");
  });

  it("lets nothing wait in the queue for longer than the limit", async () => {
    send(1);
    const waiting = send(2);
    waiting.call.deadlineMs = Number.POSITIVE_INFINITY;
    await clock.turn();
    await clock.advance(queueWaitMsMax + 20);
    expect(waiting.outcome).toBe("overloaded");
  });

  it("tells a lost worker, a refused input and a failure apart", async () => {
    const sent = [send(1), send(2), send(3)];
    await clock.turn();
    for (const [index, kind] of (["lost", "rejected", "failed"] as const).entries()) {
      executor.runs[index]?.end({ kind, detail: "native text" });
      await clock.turn();
      await clock.turn();
    }
    const outcomes = sent.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["worker-lost", "invalid-request", "internal"]);
  });

  it("gives everything back when a call ends while its rows become tensors", async () => {
    const count = 3 * conformElements;
    const elements = new Float64Array(count);
    const request = {
      model: parseModelName("a"),
      version: undefined,
      id: undefined,
      parameters: noParameters,
      inputs: {
        kind: "rows" as const,
        count,
        values: { shape: [count], elements },
        framed: false,
      },
      outputs: [],
    };
    const infer = (call: Call) => {
      const permit = admission.acquire(1);
      return dataplane.infer(request, call, permit).finally(() => permit.release());
    };
    const cancelled = new Call(clock.nowMs() + 1_000);
    const late = new Call(clock.nowMs() + 5);
    const ended = [infer(cancelled), infer(late)].map((promise) =>
      promise.catch((error: ServingError) => error.kind),
    );
    expect(leases).toBe(2);
    cancelled.cancel();
    await clock.advance(10);
    await clock.turn();
    expect(await Promise.all(ended)).toEqual(["cancelled", "deadline-exceeded"]);
    elements[count - 1] = 256;
    const bad = infer(new Call(clock.nowMs() + 1_000)).catch(({ message }) => message);
    for (let turn = 0; turn < 4; turn += 1) await clock.turn();
    expect(await bad).toContain("expected an integer from 0 to 255");
    expect([admission.entries, leases, executor.runs.length]).toEqual([0, 0, 0]);
  });

  it("gives everything back when a request does not conform", async () => {
    const request = {
      model: parseModelName("a"),
      version: undefined,
      id: undefined,
      parameters: noParameters,
      inputs: tensorInputs(),
      outputs: [],
    };
    const permit = admission.acquire(1);
    const infer = dataplane.infer(request, new Call(clock.nowMs() + 1), permit);
    await expect(infer).rejects.toThrow("missing required input(s) ['x']");
    permit.release();
    expect([admission.entries, leases]).toEqual([0, 0]);
  });

  it("admits nothing once it is closed, and says when the last request is over", async () => {
    send(1);
    await clock.turn();
    let closed = false;
    void admission.close().then(() => {
      closed = true;
    });
    expect(() => admission.acquire(1)).toThrow("shutting down");
    await finish(0);
    await clock.turn();
    expect(closed).toBe(true);
  });
});
