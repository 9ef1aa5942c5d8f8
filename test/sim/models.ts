import { Call } from "../../src/domain/call.ts";
import { ServingError } from "../../src/domain/error.ts";
import { MiB } from "../../src/domain/limits.ts";
import { type Lease, type ModelName, parseModelName } from "../../src/domain/model.ts";
import type { LoadOutcome, LoadPlan } from "../../src/domain/ports.ts";
import { type PlannedVersion, planOf } from "../../src/models/plan.ts";
import { LoadError, Repository } from "../../src/models/repository.ts";
import { FakeClock } from "../fakes/clock.ts";
import { randomOf } from "./random.ts";
import { SimulatedWorkers } from "./workers.ts";

/**
 * The control plane under a fake clock: requests, new files, vanished models, the operator's loads
 * and unloads, failures and lost workers, in an order that a seed decides, with a budget too small
 * for all.
 */

interface Sent {
  readonly id: number;
  readonly model: ModelName;
  readonly call: Call;
  answers: number;
  lease: Lease | undefined;
  error: unknown;
  answeredMs: number;
}

const models = ["a", "b", "c", "d", "e"].map(parseModelName);
const signature = { kind: "fixed" as const, inputs: [], outputs: [] };
const times = { beganMs: 0, readMs: 1, sessionMs: 1, warmMs: 1 };
const sweepMs = 20;

export class Simulation {
  readonly #random: () => number;
  readonly #clock = new FakeClock();
  readonly #workers: SimulatedWorkers;
  readonly #repository: Repository;
  readonly #budgetBytes: number | undefined;
  readonly #sent: Sent[] = [];
  readonly #problems: string[] = [];
  /** The plans that each model has had, and whether its present one can be loaded. */
  readonly #plans = new Map<ModelName, PlannedVersion[]>();
  readonly #operations: Promise<void>[] = [];
  readonly #served = new Set<ModelName>();
  #files = 0;
  #calm = false;
  /** What the process takes besides models, in bytes: grows with garbage that stays behind. */
  #garbage = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#budgetBytes = this.#below(3) === 0 ? undefined : (12 + this.#below(40)) * MiB;
    this.#workers = new SimulatedWorkers(
      (plan) => this.#outcome(plan),
      (generation) => this.#leasesOf(generation),
    );
    this.#repository = new Repository({
      clock: this.#clock,
      executor: this.#workers,
      log: { write: () => {} },
      budgetBytes: this.#budgetBytes,
      residentBytes: () => (100 + this.#workers.held.size * 8) * MiB + this.#garbage,
      pressing: () => this.#below(3) === 0,
      onChange: () => this.#changed(),
    });
    if (this.#below(2) === 0) void this.#repository.judge();
  }

  /** Runs to the end. Returns every rule that was broken. */
  async run(): Promise<string[]> {
    for (let step = 30 + this.#below(60); step > 0; step -= 1) {
      await this.#step();
      this.#check();
    }
    await this.#finish();
    return [...this.#problems, ...this.#workers.problems];
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#below(from.length)];
  }

  async #step(): Promise<void> {
    const choice = this.#below(20);
    if (choice < 6) for (let n = this.#below(5); n >= 0; n -= 1) this.#send();
    else if (choice < 10) this.#workers.end(this.#below(100));
    else if (choice < 13) this.#releaseOne();
    else if (choice < 15) this.#replan();
    else if (choice < 16) this.#pick(this.#sent)?.call.cancel();
    else if (choice < 17) this.#operate();
    else if (choice < 18) this.#lose();
    else await this.#clock.advance(this.#below(1_500));
    await this.#turns(1 + this.#below(3));
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await this.#clock.turn();
  }

  #send(): void {
    const model = this.#pick(models);
    if (model === undefined) return;
    const limitMs = this.#below(3) === 0 ? 1 + this.#below(200) : 60_000;
    const call = new Call(this.#clock.nowMs() + limitMs);
    const sent: Sent = {
      id: this.#sent.length,
      model,
      call,
      answers: 0,
      lease: undefined,
      error: undefined,
      answeredMs: 0,
    };
    this.#sent.push(sent);
    try {
      const lease = this.#repository.lease(model, undefined, call);
      if (lease instanceof Promise) {
        lease.then(
          (given) => this.#answered(sent, given, undefined),
          (error: unknown) => this.#answered(sent, undefined, error),
        );
      } else this.#answered(sent, lease, undefined);
    } catch (error) {
      this.#answered(sent, undefined, error);
    }
  }

  #answered(sent: Sent, lease: Lease | undefined, error: unknown): void {
    sent.answers += 1;
    sent.lease = lease;
    sent.error = error;
    sent.answeredMs = this.#clock.nowMs();
    const late = sent.answeredMs - sent.call.deadlineMs;
    if (late > sweepMs) this.#problems.push(`request ${sent.id} was answered ${late} ms late`);
    if (error !== undefined && !(error instanceof ServingError)) {
      this.#problems.push(`request ${sent.id} failed with ${String(error)}`);
    }
    if (lease === undefined) return;
    const { generation, name } = lease.model;
    const path = this.#workers.held.get(generation);
    if (path === undefined) this.#problems.push(`request ${sent.id} got what nobody holds`);
    if (name !== sent.model) this.#problems.push(`request ${sent.id} got ${name}`);
    const known = this.#plans.get(name)?.some(({ modelPath }) => modelPath === path);
    if (known !== true) this.#problems.push(`request ${sent.id} got the file ${path}`);
  }

  #releaseOne(): void {
    const holding = this.#sent.filter(({ lease }) => lease !== undefined);
    const sent = this.#pick(holding);
    sent?.lease?.release();
    if (sent !== undefined) sent.lease = undefined;
  }

  /** A model appears, changes, gets other versions, or vanishes. */
  #replan(): void {
    const name = this.#pick(models);
    if (name === undefined) return;
    if (this.#below(6) === 0) {
      this.#served.delete(name);
      this.#repository.remove(name);
      return;
    }
    const count = 1 + this.#below(3);
    const first = 1 + this.#below(3);
    const pinned = name === "a";
    const versions = Array.from({ length: count }, (_, index) => {
      this.#files += 1;
      const bytes = (1 + this.#below(8)) * MiB;
      const modelPath = `${name}/${this.#files}/${this.#below(5) === 0 ? "torn" : "good"}`;
      const fingerprint = modelPath;
      return planOf({ name, version: first + index, modelPath, bytes, fingerprint, pinned });
    });
    const kept = this.#plans.get(name) ?? [];
    this.#plans.set(name, [...kept, ...versions]);
    const goal = this.#below(2) === 0 ? "loaded" : "lazy";
    this.#repository.apply({ name, versions }, goal, pinned);
  }

  #operate(): void {
    const name = this.#pick(this.#repository.names());
    if (name === undefined) return;
    this.#served.delete(name);
    const work =
      this.#below(2) === 0 ? this.#repository.unload(name) : this.#repository.whenReady(name);
    const done = work.catch((error: unknown) => {
      if (!(error instanceof LoadError)) this.#problems.push(`an operation threw ${String(error)}`);
    });
    this.#operations.push(done);
  }

  #lose(): void {
    const generation = this.#pick([...this.#workers.held.keys()]);
    if (generation === undefined || this.#below(2) === 0) return;
    const model = this.#residents().find((one) => one.generation === generation);
    if (model !== undefined) this.#served.delete(model.name);
    this.#repository.lost(generation, "test");
  }

  #outcome({ modelPath }: LoadPlan): LoadOutcome {
    if (modelPath.endsWith("torn")) return { kind: "refused", reason: "torn" };
    if (!this.#calm && this.#below(6) === 0) {
      return { kind: "refused", reason: "lost", passing: true };
    }
    this.#garbage += this.#below(4) * MiB;
    return { kind: "loaded", signature, platform: "test", times, warmUpFailure: undefined };
  }

  #residents() {
    return this.#repository.loaded();
  }

  #leasesOf(generation: number): number {
    return this.#sent.filter(({ lease }) => lease?.model.generation === generation).length;
  }

  /** A model that once served does so until it is taken away, evicted or lost. */
  #changed(): void {
    for (const name of this.#served) {
      if (this.#budgetBytes !== undefined && name !== "a") continue;
      if (!this.#repository.names().includes(name)) continue;
      const ready = this.#repository.versions(name).some(({ state }) => state.kind === "ready");
      if (!ready) this.#problems.push(`${name} stopped serving`);
    }
  }

  #check(): void {
    for (const name of this.#repository.names()) {
      const stays = this.#repository
        .versions(name)
        .every(({ goal }) => goal === "loaded" || goal === "lazy");
      if (stays && this.#repository.ready(name, undefined)) this.#served.add(name);
    }
    const { bytes } = this.#repository.memory;
    const movable = this.#sent.filter(({ lease }) => lease !== undefined).length;
    const over = bytes - (this.#budgetBytes ?? Number.POSITIVE_INFINITY);
    const pending = this.#workers.pending > 0;
    const rest = movable === 0 && !pending && !this.#settling();
    const victims = this.#residents().some(({ name }) => name !== "a");
    if (over > 0 && rest && victims) {
      this.#problems.push(`${over} bytes over the budget, and nobody holds anything`);
    }
  }

  /** Something is on its way, so that rules about rest do not hold. */
  #settling(): boolean {
    return this.#repository
      .names()
      .some((name) => this.#repository.versions(name).some((version) => version.busy));
  }

  /** No more trouble: everything comes to rest, and everybody has an answer. */
  async #finish(): Promise<void> {
    this.#calm = true;
    for (let round = 0; round < 400; round += 1) {
      this.#releaseOne();
      this.#workers.end(0);
      await this.#turns(3);
      await this.#clock.advance(round % 20 === 19 ? 5_000 : 10);
    }
    for (let round = 0; round < 200 && this.#workers.pending > 0; round += 1) {
      this.#workers.end(0);
      await this.#turns(3);
    }
    for (const { lease } of this.#sent) lease?.release();
    await Promise.race([Promise.all(this.#operations), this.#turns(50)]);
    this.#checkRest();
  }

  #checkRest(): void {
    for (const { id, answers } of this.#sent) {
      if (answers !== 1) this.#problems.push(`request ${id} has ${answers} answers`);
    }
    const { waiting } = this.#repository.memory;
    if (waiting !== 0) this.#problems.push(`${waiting} requests still wait`);
    if (this.#settling()) this.#problems.push("a version never comes to rest");
    const residents = this.#residents().map(({ generation }) => generation);
    const held = [...this.#workers.held.keys()];
    if (residents.sort().join() !== held.sort().join()) {
      this.#problems.push(`workers hold ${held}, but ${residents} are served`);
    }
    for (const name of this.#repository.names()) this.#checkModel(name);
  }

  #checkModel(name: ModelName): void {
    for (const { goal, plan, state } of this.#repository.versions(name)) {
      const of = `${name} ${plan.version}`;
      if (state.kind === "loading" || state.kind === "unloading") {
        this.#problems.push(`${of} is ${state.kind} at rest`);
      }
      if (goal === "off" && state.kind === "ready") this.#problems.push(`${of} was not unloaded`);
      if (goal === "gone") this.#problems.push(`${of} was not forgotten`);
      const good = plan.modelPath.endsWith("good");
      if (goal === "loaded" && state.kind !== "ready" && good && this.#budgetBytes === undefined) {
        this.#problems.push(`${of} can be loaded, but is ${state.kind}`);
      }
    }
  }
}
