import { Call } from "../../src/domain/call.ts";
import type { ServingError } from "../../src/domain/error.ts";
import { type LoadedModel, parseModelName } from "../../src/domain/model.ts";
import type { RunOutcome } from "../../src/domain/ports.ts";
import { type InferRequest, noParameters } from "../../src/domain/request.ts";
import type { Tensor } from "../../src/domain/tensor.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { FakeClock } from "../fakes/clock.ts";
import { FakeExecutor } from "../fakes/executor.ts";
import { tensorInputs } from "../support/inputs.ts";
import { randomOf } from "./random.ts";

/**
 * The data plane under a fake clock, with everything that can happen to it happening in an order
 * that a seed decides: bursts, cancellations, deadlines, failures, lost workers, drains. Each value
 * of each request is unique, so that an answer proves whose it is.
 */

interface Sent {
  readonly id: number;
  readonly call: Call;
  readonly values: readonly number[];
  readonly key: string;
  readonly model: number;
  answers: number;
  result: "pending" | "right" | "wrong" | ServingError["kind"];
}

const poison = 2 ** 30;

export class Simulation {
  readonly #random: () => number;
  readonly #clock = new FakeClock();
  readonly #executor: FakeExecutor;
  readonly #admission: AdmissionGate;
  readonly #batcher: Batcher;
  readonly #dataplane: ServingDataplane;
  readonly #models: LoadedModel[];
  readonly #sent: Sent[] = [];
  readonly #entriesMax: number;
  readonly #passedOver = new Map<string, number>();
  #leases = 0;
  readonly #late: string[] = [];
  #ended = 0;
  #seen = 0;
  #nextValue = 1;
  #drained = false;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#executor = new FakeExecutor(1 + this.#below(3), ({ inputs }) => this.#dispatched(inputs));
    this.#entriesMax = 3 + this.#below(30);
    this.#admission = new AdmissionGate({ entriesMax: this.#entriesMax, bytesMax: 100_000 });
    this.#models = Array.from({ length: 1 + this.#below(3) }, (_, index) => this.#model(index));
    const log = { write: () => {} };
    const merging = this.#below(8) > 0;
    this.#batcher = new Batcher({ clock: this.#clock, executor: this.#executor, log, merging });
    const models = { lease: (name: string) => this.#lease(name) };
    this.#dataplane = new ServingDataplane({ clock: this.#clock, models, batcher: this.#batcher });
  }

  /** Runs to the end. Returns every rule that was broken. */
  async run(): Promise<string[]> {
    const problems: string[] = [];
    const steps = 20 + this.#below(60);
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      problems.push(...this.#check());
    }
    await this.#finish();
    problems.push(...this.#late);
    for (const sent of this.#sent) {
      if (sent.answers !== 1) problems.push(`request ${sent.id} has ${sent.answers} answers`);
      if (sent.result === "wrong") problems.push(`request ${sent.id} got another's values`);
    }
    const { entries, bytes } = this.#admission;
    if (entries !== 0 || bytes !== 0) problems.push(`${entries} permits, ${bytes} bytes are left`);
    const counted = this.#models.reduce((sum, model) => {
      const { success, fail } = this.#batcher.statistics.of(model);
      return sum + success.count + fail.count;
    }, 0);
    if (counted !== this.#sent.length) problems.push(`${counted} requests were counted`);
    if (this.#leases !== 0) problems.push(`${this.#leases} leases are left`);
    return problems;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #model(index: number): LoadedModel {
    const spec = { name: "x", datatype: "INT32" as const, shape: [-1, -1] };
    return {
      name: parseModelName(`m${index}`),
      version: 1,
      generation: index,
      platform: "test",
      signature: { kind: "fixed", inputs: [spec], outputs: [spec] },
      verdict: this.#below(4) > 0 ? { kind: "batchable" } : { kind: "single", reason: "test" },
    };
  }

  #lease(name: string) {
    this.#leases += 1;
    const model = this.#models.find((one) => one.name === name);
    if (model === undefined) throw new Error("no such model");
    return {
      model,
      release: () => {
        this.#leases -= 1;
      },
    };
  }

  async #step(): Promise<void> {
    const choice = this.#below(10);
    if (choice < 4) for (let n = this.#below(6); n >= 0; n -= 1) this.#send();
    else if (choice < 6) this.#endRun();
    else if (choice < 7) this.#cancel();
    else await this.#clock.advance(this.#below(30));
    if (this.#below(200) === 0 && !this.#drained) {
      this.#drained = true;
      void this.#admission.close();
    }
    await this.#clock.turn();
    await this.#clock.turn();
  }

  #send(): void {
    const model = this.#models[this.#below(this.#models.length)];
    if (model === undefined) return;
    const rows = 1 + this.#below(4);
    const width = 1 + this.#below(2);
    const values = Array.from({ length: rows * width }, () => this.#value());
    const bytes = new Uint8Array(Int32Array.from(values).buffer);
    const input = { name: "x", datatype: "INT32" as const, shape: [rows, width], bytes };
    const request: InferRequest = {
      model: model.name,
      version: undefined,
      id: undefined,
      parameters: noParameters,
      inputs: tensorInputs(input),
      outputs: [],
    };
    const limitMs = this.#below(3) === 0 ? 1 + this.#below(60) : 100_000;
    const call = new Call(this.#clock.nowMs() + limitMs);
    const id = this.#sent.length;
    const { generation, verdict } = model;
    const key = verdict.kind === "batchable" ? `${generation}/${width}` : `${generation}`;
    const sent: Sent = { id, call, values, key, model: generation, answers: 0, result: "pending" };
    this.#begin(request, sent, bytes.length);
  }

  #begin(request: InferRequest, sent: Sent, bytes: number): void {
    let permit: ReturnType<AdmissionGate["acquire"]>;
    try {
      permit = this.#admission.acquire(bytes);
    } catch {
      // Refused at once: never in the data plane.
      return;
    }
    this.#sent.push(sent);
    this.#dataplane
      .infer(request, sent.call, permit)
      .then(
        ({ outputs }) => {
          sent.result = same(outputs[0], sent.values) ? "right" : "wrong";
        },
        (error: ServingError) => {
          sent.result = error.kind;
        },
      )
      .finally(() => {
        sent.answers += 1;
        permit.release();
      });
  }

  #value(): number {
    this.#nextValue += 1;
    return this.#below(40) === 0 ? poison + this.#nextValue : this.#nextValue;
  }

  /** Ends the oldest or any run: most go well; poison fails its batch; some workers are lost. */
  #endRun(): void {
    const open = this.#executor.runs.slice(this.#ended);
    const run = open[0];
    if (run === undefined) return;
    this.#ended += 1;
    run.end(this.#outcome(run.batch.inputs));
  }

  #outcome(inputs: readonly Tensor[]): RunOutcome {
    const [input] = inputs;
    const values = input === undefined ? [] : valuesOf(input);
    if (this.#below(40) === 0) return { kind: "lost", detail: "test" };
    if (values.some((value) => value >= poison)) return { kind: "rejected", detail: "test" };
    if (this.#below(60) === 0) return { kind: "failed", detail: "test" };
    const times = { waitMs: 0, inputMs: 0, inferMs: 1 + this.#below(3), outputMs: 0 };
    return { kind: "done", outputs: inputs, times };
  }

  #cancel(): void {
    const pending = this.#sent.filter(({ result }) => result === "pending");
    pending[this.#below(pending.length)]?.call.cancel();
  }

  #check(): string[] {
    const problems = this.#late.splice(0);
    const { entries } = this.#admission;
    if (entries > this.#entriesMax) problems.push(`${entries} permits of ${this.#entriesMax}`);
    if (this.#batcher.queued > 0 && this.#executor.freeSlots() > 0) {
      problems.push("a slot is free at the end of a turn while an entry waits");
    }
    for (const { batch } of this.#executor.runs.slice(this.#seen)) {
      problems.push(...this.#checkBatch(batch.inputs));
    }
    this.#seen = this.#executor.runs.length;
    return problems;
  }

  #dispatched(inputs: readonly Tensor[]): void {
    const now = this.#clock.nowMs();
    for (const { id, call } of this.#ownersOf(inputs)) {
      if (call.cancelled || now >= call.deadlineMs) this.#late.push(`${id} was dispatched late`);
    }
  }

  #ownersOf([input]: readonly Tensor[]): Sent[] {
    const values = new Set(input === undefined ? [] : valuesOf(input));
    return this.#sent.filter((sent) => sent.values.some((value) => values.has(value)));
  }

  /** What has been dispatched just now: nothing late, in order, of one kind, and in its turn. */
  #checkBatch([input]: readonly Tensor[]): string[] {
    if (input === undefined) return ["a batch without inputs"];
    const owners = this.#ownersOf([input]);
    const problems: string[] = [];
    const ids = owners.map(({ id }) => id);
    if (new Set(owners.map(({ key }) => key)).size !== 1) problems.push(`mixed kinds: ${ids}`);
    const places = valuesOf(input);
    const order = owners.map((sent) => places.indexOf(sent.values[0] ?? 0));
    if (order.some((place, at) => at > 0 && place < (order[at - 1] ?? 0))) {
      problems.push(`out of order: ${ids}`);
    }
    const [owner] = owners;
    if (owner !== undefined) problems.push(...this.#checkTurn(owner));
    return problems;
  }

  /** Round robin: no kind is passed over more often than there are other kinds. */
  #checkTurn(owner: Sent): string[] {
    this.#passedOver.set(owner.key, 0);
    const kinds = new Set(this.#sent.map(({ key }) => key));
    const problems: string[] = [];
    for (const [key, times] of this.#passedOver) {
      const waits = this.#sent.some(
        (sent) => sent.key === key && sent.result === "pending" && sent.id < owner.id,
      );
      if (key === owner.key || !waits) continue;
      this.#passedOver.set(key, times + 1);
      // Entries that run are pending too; a generous bound still finds starvation.
      if (times > 20 * kinds.size) problems.push(`kind ${key} starves`);
    }
    return problems;
  }

  async #finish(): Promise<void> {
    for (let round = 0; round < 2_000; round += 1) {
      if (this.#sent.every(({ answers }) => answers > 0) && this.#admission.entries === 0) return;
      this.#endRun();
      await this.#clock.turn();
      if (round % 50 === 49) await this.#clock.advance(1_000);
    }
  }
}

function valuesOf(tensor: Tensor): number[] {
  if (tensor.datatype === "BYTES") return [];
  return [...new Int32Array(new Uint8Array(tensor.bytes).buffer)];
}

function same(tensor: Tensor | undefined, values: readonly number[]): boolean {
  return tensor !== undefined && valuesOf(tensor).join() === values.join();
}
