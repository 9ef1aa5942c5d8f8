import { Call } from "../src/domain/call.ts";
import { type Clock, systemClock } from "../src/domain/clock.ts";
import { type LoadedModel, parseModelName, type Verdict } from "../src/domain/model.ts";
import type { Executor, RunOutcome } from "../src/domain/ports.ts";
import { type InferRequest, noParameters } from "../src/domain/request.ts";
import type { Tensor } from "../src/domain/tensor.ts";
import { AdmissionGate } from "../src/serving/admission.ts";
import { Batcher } from "../src/serving/batcher.ts";
import { ServingDataplane } from "../src/serving/dataplane.ts";

/**
 * What a request costs from its admission to its answer without decoding and without a run: permit,
 * lease, conform, queue, batch, account, settle. The run is a fake that answers at once; requests
 * come in bursts, alone or merged, interleaved with JSON.parse of the same request's body. Run as
 * `node bench/bookkeeping.ts [rounds]`.
 */

const rounds = Number(process.argv[2] ?? 2_000);
const burst = 64;
const goalMicros = 3;

const times = { waitMs: 0, inputMs: 0, inferMs: 0.05, outputMs: 0 };
const values = [6.8, 2.8, 4.8, 1.4];
const body = JSON.stringify({
  inputs: [{ name: "input-0", shape: [1, 4], datatype: "FP32", data: values }],
});
const numbers: Tensor = {
  name: "input-0",
  datatype: "FP32",
  shape: [1, 4],
  bytes: new Uint8Array(new Float32Array(values).buffer),
};
const strings: Tensor = {
  name: "input-0",
  datatype: "BYTES",
  shape: [1, 4],
  strings: values.map(String),
};

const executor: Executor = {
  load: () => Promise.resolve({ kind: "refused", reason: "a fake loads nothing" }),
  filled: () => Promise.resolve(),
  unload: () => Promise.resolve(),
  judge: () => Promise.resolve({ kind: "pending" }),
  freeSlots: () => 1,
  run: ({ inputs }): Promise<RunOutcome> =>
    Promise.resolve({ kind: "done", outputs: inputs, times }),
  onSlotFree: () => {},
};

/** Turns end as soon as they can, so that the event loop's own work is not measured. */
const clock: Clock = { ...systemClock, endOfTurn: (task) => queueMicrotask(task) };

function requestsOf(input: Tensor, verdict: Verdict): () => Promise<void> {
  const spec = { name: input.name, datatype: input.datatype, shape: [-1, 4] };
  const name = parseModelName("iris");
  const model: LoadedModel = {
    name,
    version: 1,
    generation: 1,
    platform: "bench",
    signature: { kind: "fixed", inputs: [spec], outputs: [spec] },
    verdict,
  };
  const request: InferRequest = {
    model: name,
    version: undefined,
    id: undefined,
    parameters: noParameters,
    inputs: { kind: "tensors", tensors: [input] },
    outputs: [],
  };
  const admission = new AdmissionGate({ entriesMax: burst, bytesMax: burst * body.length });
  const log = { write: () => {} };
  const batcher = new Batcher({ clock, executor, log, merging: true });
  const lease = () => ({ model, release: () => {} });
  const dataplane = new ServingDataplane({ clock, models: { lease }, batcher });
  const one = async () => {
    const permit = admission.acquire(body.length);
    await dataplane.infer(request, new Call(Number.POSITIVE_INFINITY), permit);
    permit.release();
  };
  return async () => {
    await Promise.all(Array.from({ length: burst }, one));
  };
}

let parsed = 0;
const parse = () => {
  for (let count = 0; count < burst; count += 1) parsed += JSON.parse(body).inputs.length;
};

/** Strings wait for their run as they came; numbers are copied into a buffer of the batch's own. */
const single = { kind: "single", reason: "bench" } as const;
const kinds = [
  { name: "alone", work: requestsOf(strings, single), taken: [] as number[] },
  { name: "merged", work: requestsOf(strings, { kind: "batchable" }), taken: [] as number[] },
  { name: "alone, with the copy", work: requestsOf(numbers, single), taken: [] as number[] },
];
const parses: number[] = [];

async function time(into: number[], work: () => void | Promise<void>): Promise<void> {
  const start = performance.now();
  await work();
  into.push(((performance.now() - start) * 1e3) / burst);
}

function median(micros: readonly number[]): number {
  const sorted = micros.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

for (let round = 0; round < rounds; round += 1) {
  for (const { work, taken } of kinds) await time(taken, work);
  await time(parses, parse);
  // Timers and garbage get their turn between the rounds.
  await new Promise((resolve) => setImmediate(resolve));
}
const base = median(parses);
console.log(
  `JSON.parse of the body: ${base.toFixed(2)} µs (median of ${rounds} bursts of ${burst})`,
);
for (const { name, taken } of kinds) {
  const micros = median(taken);
  const ratio = (micros / base).toFixed(2);
  console.log(`${name}: ${micros.toFixed(2)} µs a request (goal ≤ ${goalMicros}), ratio ${ratio}`);
}
if (parsed === 0) throw new Error("nothing was parsed");
