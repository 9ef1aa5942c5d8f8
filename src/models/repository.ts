import { ServingError } from "../domain/error.ts";
import {
  type Lease,
  type LoadedModel,
  type ModelMetadata,
  type ModelName,
  parseVersion,
  unknownModel,
} from "../domain/model.ts";
import type { Executor, LoadOutcome, LoadTimes, Log, Models } from "../domain/ports.ts";
import { clip } from "../domain/text.ts";
import { Lifecycle, type ModelState } from "./lifecycle.ts";

/** A version of a model as it is to be served. */
export interface PlannedVersion {
  readonly name: ModelName;
  readonly version: number;
  readonly modelPath: string;
}

export interface RepositoryPorts {
  readonly executor: Pick<Executor, "load" | "unload" | "judge">;
  readonly log: Log;
  /** Some version changed its state. */
  readonly onChange: () => void;
}

interface Entry {
  readonly plan: PlannedVersion;
  readonly generation: number;
  readonly lifecycle: Lifecycle;
  times: LoadTimes | undefined;
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

/** The models that the server has, by name and version. */
export class Repository implements Models {
  readonly #ports: RepositoryPorts;
  readonly #models = new Map<ModelName, Map<number, Entry>>();
  #generations = 0;
  #judging = false;

  constructor(ports: RepositoryPorts) {
    this.#ports = ports;
  }

  /** Loads a version; resolves when it is ready. Rejects with LoadError. */
  async load(plan: PlannedVersion): Promise<void> {
    const entry = this.#add(plan);
    entry.lifecycle.change({ kind: "loading" });
    const { generation } = entry;
    const outcome = await this.#ports.executor.load({ generation, modelPath: plan.modelPath });
    if (outcome.kind === "refused") {
      entry.lifecycle.change({ kind: "failed", reason: outcome.reason });
      throw new LoadError(`model '${plan.name}' cannot be loaded: ${outcome.reason}`);
    }
    this.#logReady(plan, outcome);
    entry.times = outcome.times;
    entry.lifecycle.change({ kind: "ready", model: loadedModel(entry, outcome) });
    if (this.#judging) await this.judge();
  }

  /**
   * Finds out of every ready version whether its requests may be merged. Until this was called it
   * waits: the probes are not to stand before the first answer.
   */
  async judge(): Promise<void> {
    this.#judging = true;
    for (const { lifecycle, plan, generation } of [...this.#entries()]) {
      if (lifecycle.state.kind !== "ready" || lifecycle.state.model.verdict.kind !== "pending") {
        continue;
      }
      const { model } = lifecycle.state;
      model.verdict = await this.#ports.executor.judge(generation);
      const { name, version } = plan;
      this.#ports.log.write("info", "model judged", { model: name, version, ...model.verdict });
    }
  }

  /** A generation is gone from every slot and does not come back. */
  lost(generation: number, reason: string): void {
    for (const entry of this.#entries()) {
      if (entry.generation === generation && entry.lifecycle.state.kind === "ready") {
        entry.lifecycle.change({ kind: "failed", reason });
      }
    }
  }

  lease(name: ModelName, version: string | undefined): Lease {
    const { lifecycle, plan } = this.#find(name, version);
    const model = readyModel(lifecycle.state, plan);
    lifecycle.lease();
    return { model, release: () => lifecycle.release() };
  }

  metadata(name: ModelName, version: string | undefined): ModelMetadata {
    const { lifecycle, plan } = this.#find(name, version);
    const { platform, signature, verdict } = readyModel(lifecycle.state, plan);
    const versions = [...(this.#models.get(name) ?? [])]
      .filter(([, entry]) => entry.lifecycle.state.kind === "ready")
      .map(([number]) => number);
    return { name, versions, platform, signature, verdict };
  }

  ready(name: ModelName, version: string | undefined): boolean {
    return this.#find(name, version).lifecycle.state.kind === "ready";
  }

  names(): readonly ModelName[] {
    return [...this.#models.keys()];
  }

  loaded(name?: ModelName, version?: string): readonly LoadedModel[] {
    if (name !== undefined && version !== undefined) {
      const { lifecycle, plan } = this.#find(name, version);
      return [readyModel(lifecycle.state, plan)];
    }
    const models: LoadedModel[] = [];
    if (name !== undefined && !this.#models.has(name)) throw unknownModel(name);
    for (const { plan, lifecycle } of this.#entries()) {
      if (name !== undefined && name !== plan.name) continue;
      if (lifecycle.state.kind === "ready") models.push(lifecycle.state.model);
    }
    return models;
  }

  get leases(): number {
    let leases = 0;
    for (const { lifecycle } of this.#entries()) leases += lifecycle.leases;
    return leases;
  }

  /** Of every version that has been loaded. */
  get loads(): readonly ModelLoad[] {
    return [...this.#entries()].flatMap(({ plan: { name, version }, times }) =>
      times === undefined ? [] : [{ name, version, times }],
    );
  }

  /** Whether every version can be leased. */
  allReady(): boolean {
    for (const { lifecycle } of this.#entries()) {
      if (lifecycle.state.kind !== "ready") return false;
    }
    return true;
  }

  #add(plan: PlannedVersion): Entry {
    let versions = this.#models.get(plan.name);
    if (versions === undefined) {
      versions = new Map();
      this.#models.set(plan.name, versions);
    }
    this.#generations += 1;
    const lifecycle = new Lifecycle((state) => this.#changed(plan, state));
    const entry = { plan, generation: this.#generations, lifecycle, times: undefined };
    versions.set(plan.version, entry);
    return entry;
  }

  #changed({ name, version }: PlannedVersion, state: ModelState): void {
    if (state.kind === "failed") {
      this.#ports.log.write("error", "model failed", {
        model: name,
        version,
        reason: state.reason,
      });
    }
    this.#ports.onChange();
  }

  #find(name: ModelName, version: string | undefined): Entry {
    const versions = this.#models.get(name);
    if (versions === undefined) throw unknownModel(name);
    if (version === undefined) return newest(versions);
    const number = parseVersion(version);
    const entry = number === undefined ? undefined : versions.get(number);
    if (entry === undefined) throw unknownModel(name, version);
    return entry;
  }

  *#entries(): Generator<Entry> {
    for (const versions of this.#models.values()) yield* versions.values();
  }

  #logReady(plan: PlannedVersion, outcome: Extract<LoadOutcome, { kind: "loaded" }>): void {
    const { readMs, sessionMs, warmMs } = outcome.times;
    const { name, version } = plan;
    this.#ports.log.write("info", "model ready", {
      model: name,
      version,
      readMs,
      sessionMs,
      warmMs,
    });
    if (outcome.warmUpFailure === undefined) return;
    this.#ports.log.write("info", "warm-up with zeros failed; the first request will be slower", {
      model: name,
      version,
      detail: outcome.warmUpFailure,
    });
  }
}

/** The highest version that is ready, else the highest. */
function newest(versions: ReadonlyMap<number, Entry>): Entry {
  const entries = [...versions.values()].sort((a, b) => b.plan.version - a.plan.version);
  const ready = entries.find((entry) => entry.lifecycle.state.kind === "ready");
  const entry = ready ?? entries[0];
  if (entry === undefined) throw new Error("a model without versions. This is a bug.");
  return entry;
}

function readyModel(state: ModelState, { name, version }: PlannedVersion): LoadedModel {
  if (state.kind === "ready") return state.model;
  throw new ServingError(
    "model-not-ready",
    `Request for unknown model: '${clip(name)}' version ${version} is not at ready state`,
  );
}

function loadedModel(
  entry: Entry,
  { platform, signature }: Extract<LoadOutcome, { kind: "loaded" }>,
): LoadedModel {
  const { name, version } = entry.plan;
  const { generation } = entry;
  return { name, version, generation, platform, signature, verdict: { kind: "pending" } };
}
