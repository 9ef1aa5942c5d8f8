import { Call } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ServingError } from "../domain/error.ts";
import { loadMsMax, requestMsMax } from "../domain/limits.ts";
import {
  type Lease,
  type LoadedModel,
  type ModelConfig,
  type ModelMetadata,
  type ModelName,
  modelNameProblem,
  parseModelName,
  parseVersion,
  unknownModel,
} from "../domain/model.ts";
import type { Executor, IndexEntry, LoadTimes, Log, Models } from "../domain/ports.ts";
import { clip } from "../domain/text.ts";
import { configOf } from "./config.ts";
import { indexEntry } from "./index-entry.ts";
import { Keeper, notReady } from "./keeper.ts";
import type { VersionState } from "./lifecycle.ts";
import { Loader, type LoaderPorts } from "./loader.ts";
import { Model } from "./model.ts";
import { type PlannedModel, type PlannedVersion, type PlanParts, planOf } from "./plan.ts";
import type { Resident } from "./resident.ts";
import { type Goal, Version } from "./version.ts";
import { WaitingRoom } from "./waiters.ts";

export interface RepositoryPorts extends Partial<Omit<LoaderPorts, "clock" | "executor" | "log">> {
  readonly clock: Clock;
  readonly executor: Pick<Executor, "load" | "unload" | "filled" | "judge">;
  readonly log: Log;
  /** Some version changed its state. */
  readonly onChange: () => void;
}

/** How long the phases of a version's last load took. */
export interface ModelLoad {
  readonly name: ModelName;
  readonly version: number;
  readonly times: LoadTimes;
}

/** A model that could not be loaded. The message is for the operator. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/** After a load the first requests have the CPU before the probes do. */
const judgeDelayMs = 250;

/** The models that the server has, by name and version, and the way from a request to its lease. */
export class Repository implements Models {
  readonly #ports: RepositoryPorts;
  readonly #models = new Map<ModelName, Model>();
  readonly #loader: Loader;
  readonly #keeper: Keeper;
  readonly #room: WaitingRoom;
  /** Readiness depends on them. */
  readonly #required = new Set<Model>();
  /** Why models that are there cannot be served at all. */
  readonly #broken = new Map<string, string>();
  #judging = false;

  constructor(ports: RepositoryPorts) {
    this.#ports = ports;
    this.#room = new WaitingRoom(ports.clock);
    this.#loader = new Loader({
      budgetBytes: undefined,
      slots: () => ({ open: 1, planned: 1 }),
      residentBytes: () => 0,
      forget: () => {},
      pressing: () => false,
      ...ports,
    });
    this.#keeper = new Keeper({
      clock: ports.clock,
      log: ports.log,
      loader: this.#loader,
      forget: (version) => this.#forget(version),
    });
  }

  /**
   * Makes a model what it is to be from now on: what is new is loaded at once or on demand, what
   * changed is loaded beside what serves, what is gone goes. `required`: readiness depends on it.
   */
  apply(plan: PlannedModel, goal: "loaded" | "lazy", required = false): void {
    let model = this.#models.get(plan.name);
    if (model === undefined) {
      model = new Model(plan.name);
      this.#models.set(plan.name, model);
    }
    this.#broken.delete(plan.name);
    if (required) this.#required.add(model);
    const make = (next: PlannedVersion, own: Goal) =>
      new Version(next, own, this.#room, (version, state) => this.#changed(version, state));
    for (const version of model.replan(plan, goal, make)) this.#keeper.tend(version);
    this.#succeed(model);
  }

  /** Adds one version that is to stay, and waits for it. Rejects with LoadError. */
  async load(parts: PlanParts): Promise<void> {
    const plan = planOf(parts);
    const others = [...(this.#models.get(plan.name)?.versions.values() ?? [])];
    const versions = [plan, ...others.map((version) => version.plan)].filter(
      (one, index) => index === 0 || one.version !== plan.version,
    );
    this.apply({ name: plan.name, versions }, "loaded", true);
    await this.whenReady(plan.name, [plan.version]);
  }

  /** Loads the versions of a model that are not, and waits for them. Rejects with LoadError. */
  async whenReady(name: ModelName, only?: readonly number[]): Promise<void> {
    const versions = this.versions(name).filter(
      ({ plan }) => only === undefined || only.includes(plan.version),
    );
    const until = this.#ports.clock.nowMs() + loadMsMax;
    await Promise.all(
      versions.map(async (version) => {
        if (version.goal === "lazy") version.goal = "loaded";
        try {
          const lease = await this.#arrival(version, new Call(until));
          lease.release();
          // Until then an older generation may have served.
          await this.#keeper.settled(version);
          const { state } = version;
          if (state.kind === "ready" && state.resident.plan !== version.plan)
            throw notReady(version);
        } catch (error) {
          throw loadError(version, error);
        }
      }),
    );
  }

  /** Takes a model out of memory; it stays known, and requests for it are refused. */
  async unload(name: ModelName): Promise<void> {
    await Promise.all(
      this.versions(name).map((version) => {
        version.goal = "off";
        return this.#keeper.settled(version);
      }),
    );
  }

  /** A model that is there, but cannot be served: it stays in the index, with the reason. */
  reject(name: string, reason: string): void {
    if (modelNameProblem(name) !== undefined || this.#broken.get(name) === reason) return;
    this.#broken.set(name, reason);
    this.#ports.log.write("error", "model failed", { model: name, reason });
  }

  /** All versions, and models that could not even be understood, by name. */
  index(): readonly IndexEntry[] {
    const entries = [...this.#all()].map(indexEntry);
    for (const [name, reason] of this.#broken) {
      if (this.#models.has(parseModelName(name))) continue;
      entries.push({ name: parseModelName(name), version: 1, state: "UNAVAILABLE", reason });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** Takes a model out of memory and forgets it. */
  remove(name: ModelName): void {
    this.#broken.delete(name);
    const model = this.#models.get(name);
    if (model === undefined) return;
    this.#required.delete(model);
    for (const version of [...model.versions.values()]) {
      version.goal = "gone";
      this.#keeper.tend(version);
    }
  }

  /** What failed before counts no more. */
  forgive(name: ModelName): void {
    for (const version of this.versions(name)) version.forgive();
  }

  /** Throws `model-not-found`. */
  versions(name: ModelName): readonly Version[] {
    const model = this.#models.get(name);
    if (model === undefined) throw unknownModel(name);
    return [...model.versions.values()];
  }

  /**
   * Finds out of every ready version whether its requests may be merged. Until this was called it
   * waits: the probes are not to stand before the first answer.
   */
  async judge(): Promise<void> {
    this.#judging = true;
    for (const { state } of [...this.#all()]) {
      if (state.kind !== "ready" || state.resident.phase === "leaving") continue;
      const { model } = state.resident;
      if (model.verdict.kind !== "pending") continue;
      // Where it is unloaded before that, nobody needs the verdict.
      model.verdict = await this.#ports.executor.judge(model.generation);
      const { name, version } = model;
      this.#ports.log.write("info", "model judged", { model: name, version, ...model.verdict });
    }
  }

  /** A generation is gone from every slot and does not come back. */
  lost(generation: number, reason: string): void {
    this.#keeper.lost(generation, reason);
  }

  lease(name: ModelName, version: string | undefined, call: Call): Lease | Promise<Lease> {
    const found = this.#find(name, version);
    const { state } = found;
    if (state.kind === "ready") return state.resident.lease();
    return this.#arrival(found, call);
  }

  metadata(name: ModelName, version: string | undefined): ModelMetadata | Promise<ModelMetadata> {
    return this.#describe(name, version, (resident) => {
      const { platform, signature, verdict } = resident.model;
      const versions = this.versions(name)
        .filter(({ state }) => state.kind === "ready")
        .map(({ plan }) => plan.version);
      return { name, versions: versions.sort((a, b) => a - b), platform, signature, verdict };
    });
  }

  config(name: ModelName, version: string | undefined): ModelConfig | Promise<ModelConfig> {
    return this.#describe(name, version, ({ model, plan }) => configOf(model, plan));
  }

  ready(name: ModelName, version: string | undefined): boolean {
    return this.#find(name, version).state.kind === "ready";
  }

  names(): readonly ModelName[] {
    return [...this.#models.keys()];
  }

  loaded(name?: ModelName, version?: string): readonly LoadedModel[] {
    if (name !== undefined && version !== undefined) {
      const found = this.#find(name, version);
      if (found.state.kind !== "ready") throw notReady(found);
      return [found.state.resident.model];
    }
    const versions = name === undefined ? [...this.#all()] : this.versions(name);
    return versions.flatMap(({ state }) => (state.kind === "ready" ? [state.resident.model] : []));
  }

  get leases(): number {
    let leases = 0;
    for (const resident of this.#loader.residents) leases += resident.leases;
    return leases;
  }

  /** Models that are loaded, and requests that wait for one. */
  get memory(): MemoryUse {
    const { bytes, residents } = this.#loader;
    return { bytes, residents: residents.size, waiting: this.#room.size };
  }

  /** How many loads were done and failed, and how many models made room for others. */
  get changes(): Readonly<Keeper["counts"]> {
    return this.#keeper.counts;
  }

  /** Of every version that has been loaded. */
  get loads(): readonly ModelLoad[] {
    return [...this.#all()].flatMap(({ plan: { name, version }, times }) =>
      times === undefined ? [] : [{ name, version, times }],
    );
  }

  /** Whether every model that readiness depends on can be leased. */
  allReady(): boolean {
    for (const { serving } of this.#required) {
      if (serving?.state.kind !== "ready") return false;
    }
    return true;
  }

  /** A promise of a lease, once the version is loaded. Throws where that cannot be in time. */
  #arrival(version: Version, call: Call): Promise<Lease> {
    const { state, goal } = version;
    if (state.kind === "ready") return Promise.resolve(state.resident.lease());
    const now = this.#ports.clock.nowMs();
    call.check(now);
    if (goal === "off" || goal === "gone" || version.resting(now)) throw notReady(version);
    const expectedMs = version.busy ? version.tookMs : version.tookMs + this.#loader.aheadMs;
    if (now + expectedMs > call.deadlineMs) throw tooSlow(version, expectedMs);
    const lease = version.waiters.add(call);
    this.#keeper.tend(version);
    return lease;
  }

  #describe<T>(
    name: ModelName,
    version: string | undefined,
    say: (resident: Resident) => T,
  ): T | Promise<T> {
    const found = this.#find(name, version);
    if (found.state.kind === "ready") return say(found.state.resident);
    const call = new Call(this.#ports.clock.nowMs() + requestMsMax);
    return this.#arrival(found, call).then((lease) => {
      lease.release();
      if (found.state.kind === "ready") return say(found.state.resident);
      throw notReady(found);
    });
  }

  #changed(version: Version, state: VersionState): void {
    const model = this.#models.get(version.plan.name);
    if (model !== undefined) {
      model.choose();
      this.#succeed(model);
    }
    this.#ports.onChange();
    if (state.kind !== "ready" || !this.#judging) return;
    this.#ports.clock.after(judgeDelayMs, () => void this.judge());
  }

  /** Versions whose successors have taken over go. */
  #succeed(model: Model): void {
    for (const version of model.successions()) this.#keeper.tend(version);
  }

  #forget(version: Version): void {
    const { name } = version.plan;
    const model = this.#models.get(name);
    if (model === undefined) return;
    model.remove(version);
    if (model.versions.size === 0) this.#models.delete(name);
    this.#ports.onChange();
  }

  #find(name: ModelName, version: string | undefined): Version {
    const model = this.#models.get(name);
    if (model === undefined) throw unknownModel(name);
    const number = version === undefined ? undefined : parseVersion(version);
    const found =
      version === undefined
        ? model.serving
        : number === undefined
          ? undefined
          : model.versions.get(number);
    if (found === undefined) throw unknownModel(name, version);
    return found;
  }

  *#all(): Generator<Version> {
    for (const model of this.#models.values()) yield* model.versions.values();
  }
}

export interface MemoryUse {
  /** What is loaded weighs together. */
  readonly bytes: number;
  readonly residents: number;
  readonly waiting: number;
}

function tooSlow({ plan }: Version, expectedMs: number): ServingError {
  return new ServingError(
    "model-not-ready",
    `Request for unknown model: '${clip(plan.name)}' version ${plan.version} is not at ready ` +
      `state: its load takes about ${Math.ceil(expectedMs)} ms, more than the request may wait`,
  );
}

function loadError({ plan, failure }: Version, error: unknown): LoadError {
  const reason = failure ?? (error instanceof Error ? error.message : String(error));
  return new LoadError(`model '${plan.name}' cannot be loaded: ${reason}`, { cause: error });
}
