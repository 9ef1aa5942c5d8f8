import type { Clock } from "../domain/clock.ts";
import { watchSettleMs } from "../domain/limits.ts";
import { type ModelName, modelNameProblem, parseModelName } from "../domain/model.ts";
import type { Log } from "../domain/ports.ts";
import type { Catalog } from "./catalog.ts";
import type { PlannedModel } from "./plan.ts";
import { LoadError, type Repository } from "./repository.ts";

export interface RefresherPorts {
  readonly catalog: Pick<Catalog, "repository" | "named">;
  readonly repository: Repository;
  readonly clock: Clock;
  readonly log: Log;
  /** The folder or URI of the repository; `undefined` for none. */
  readonly uri: string | undefined;
  /** The named sources, which are looked at again as well. */
  readonly sources: readonly string[];
  readonly fallbackName: string | undefined;
  /** How models of the repository are loaded that do not say so themselves. */
  readonly load: "eager" | "lazy";
  readonly preload: readonly string[];
}

/**
 * Keeps the models what the files say. What changed counts when two looks, some time apart, found
 * the same: a file that is being written is not served.
 */
export class Refresher {
  readonly #ports: RefresherPorts;
  /** What was applied last, and what the last look found, as fingerprints by name. */
  readonly #applied = new Map<ModelName, string>();
  #seen: ReadonlyMap<ModelName, string> = new Map();
  #looking: Promise<void> | undefined;
  #again = false;
  #scheduled = false;
  #pollMs: number | undefined;

  constructor(ports: RefresherPorts) {
    this.#ports = ports;
  }

  /** The first look: all that is there counts. Rejects with LoadError. */
  async start(): Promise<void> {
    const { uri } = this.#ports;
    if (uri === undefined) return;
    const { models, broken } = await this.#ports.catalog.repository(uri);
    for (const { name, reason } of broken) this.#ports.repository.reject(name, reason);
    for (const plan of models) this.#apply(plan);
    this.#checkPreload(models);
  }

  /** The models to be ready before the port opens. */
  get awaited(): readonly ModelName[] {
    const { preload } = this.#ports;
    return [...this.#applied.keys()].filter((name) => preload.includes(name));
  }

  /** What is served under a name of the named sources, so that it is not applied again. */
  note(plan: PlannedModel): void {
    this.#applied.set(plan.name, fingerprintOf(plan));
  }

  /** Somebody says that files may have changed. */
  poke(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.clock.after(watchSettleMs, () => {
      this.#scheduled = false;
      void this.look();
    });
  }

  /** Looks every so often, beginning then. */
  poll(everyMs: number): void {
    if (this.#pollMs !== undefined) return;
    this.#pollMs = everyMs;
    const next = () => {
      this.#ports.clock.after(everyMs, () => {
        void this.look().then(next);
      });
    };
    next();
  }

  /** Looks now; one look at a time. Never rejects. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookSafely().then(() => {
      this.#looking = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.poke();
    });
    return this.#looking;
  }

  async #lookSafely(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      // What serves goes on serving; the folder may be on its way.
      const reason = error instanceof LoadError ? error.message : String(error);
      this.#ports.log.write("warn", "models could not be looked at", { reason });
    }
  }

  async #look(): Promise<void> {
    const { catalog, repository, uri, sources, fallbackName } = this.#ports;
    const named = sources.length === 0 ? [] : await catalog.named(sources, fallbackName);
    const found = uri === undefined ? undefined : await catalog.repository(uri);
    const plans = [...named, ...(found?.models ?? [])];
    const seen = new Map(plans.map((plan) => [plan.name, fingerprintOf(plan)]));
    let settled = true;
    for (const plan of plans) {
      const fingerprint = seen.get(plan.name);
      if (fingerprint === this.#applied.get(plan.name)) continue;
      if (fingerprint === this.#seen.get(plan.name)) this.#apply(plan, named.includes(plan));
      else settled = false;
    }
    for (const { name, reason } of found?.broken ?? []) {
      if (modelNameProblem(name) === undefined && !seen.has(parseModelName(name))) {
        seen.set(parseModelName(name), reason);
        if (this.#seen.get(parseModelName(name)) === reason) repository.reject(name, reason);
        else settled = false;
      }
    }
    for (const name of this.#applied.keys()) {
      if (seen.has(name)) continue;
      if (this.#seen.has(name)) settled = false;
      else this.#remove(name);
    }
    this.#seen = seen;
    if (!settled) this.poke();
  }

  #apply(plan: PlannedModel, required = false): void {
    const { repository, load, preload } = this.#ports;
    const own = plan.versions[0]?.settings.load ?? load;
    const eager = required || own === "eager" || preload.includes(plan.name);
    this.#applied.set(plan.name, fingerprintOf(plan));
    repository.apply(plan, eager ? "loaded" : "lazy", required);
  }

  #remove(name: ModelName): void {
    this.#ports.log.write("info", "model gone", { model: name });
    this.#applied.delete(name);
    this.#ports.repository.remove(name);
  }

  #checkPreload(models: readonly PlannedModel[]): void {
    const known = new Set<string>(models.map(({ name }) => name));
    const missing = this.#ports.preload.filter((name) => !known.has(name));
    if (missing.length === 0) return;
    throw new LoadError(`--preload: the repository has no model ${missing.join(", ")}`);
  }
}

function fingerprintOf(plan: PlannedModel): string {
  return plan.versions.map(({ version, fingerprint }) => `${version}\n${fingerprint}`).join("\n\n");
}
