import type { Clock } from "../domain/clock.ts";
import { assert, ServingError } from "../domain/error.ts";
import type { Log } from "../domain/ports.ts";
import { clip } from "../domain/text.ts";
import type { Loader, LoadResult } from "./loader.ts";
import type { Resident } from "./resident.ts";
import type { Version } from "./version.ts";

export interface KeeperPorts {
  readonly clock: Clock;
  readonly loader: Loader;
  readonly log: Log;
  /** Takes it out of the books: nothing of it is left in memory. */
  readonly forget: (version: Version) => void;
}

/**
 * Brings versions to what they are to be. `tend` looks at one and begins the next step, where there
 * is one and none is under way; it is called after every change, so it never has to remember.
 */
export class Keeper {
  readonly #ports: KeeperPorts;
  /** Whose a resident is, as long as it serves. */
  readonly #owners = new Map<Resident, Version>();
  /** How often each was done. */
  readonly counts = { loaded: 0, failed: 0, evicted: 0 };

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
    ports.loader.onEvict((resident) => this.#evict(resident));
  }

  tend(version: Version): void {
    if (version.busy) return;
    const { goal, state } = version;
    if (goal === "off" || goal === "gone") {
      if (state.kind === "ready") void this.#step(version, () => this.#takeAway(version));
      else this.#settleAway(version);
      return;
    }
    if (!version.lacking) return;
    const now = this.#ports.clock.nowMs();
    if (now >= version.retryMs) void this.#step(version, () => this.#load(version));
    else this.#retryLater(version, version.retryMs - now);
  }

  /** Resolves when nothing is under way any more. */
  async settled(version: Version): Promise<void> {
    this.tend(version);
    while (version.busy) await version.step;
  }

  /** A generation is gone from every slot, and its files could not be loaded again. */
  lost(generation: number, reason: string): void {
    for (const [resident, version] of this.#owners) {
      if (resident.model.generation !== generation) continue;
      this.#owners.delete(resident);
      void this.#ports.loader.unload(resident);
      if (version.state.kind !== "ready" || version.state.resident !== resident) return;
      version.failed(reason, true, this.#ports.clock);
      version.lifecycle.change({ kind: "unavailable", reason });
      this.tend(version);
    }
  }

  #step(version: Version, work: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    version.step = promise;
    if (version.state.kind === "ready") version.state.resident.phase = "changing";
    void work().then(() => {
      version.step = undefined;
      if (version.state.kind === "ready") version.state.resident.phase = "serving";
      this.tend(version);
      void this.#ports.loader.trim();
      resolve();
    });
    return promise;
  }

  async #load(version: Version): Promise<void> {
    const { plan, state } = version;
    const kept = state.kind === "ready" ? state.resident : undefined;
    if (kept === undefined) version.lifecycle.change({ kind: "loading" });
    const wanted = () => version.plan === plan && version.lacking;
    const { known, tookMs } = version;
    const result = await this.#ports.loader.load({ plan, kept, known, tookMs, wanted });
    if (result.kind === "loaded") this.#takeOver(version, result, kept);
    else if (result.kind === "refused" && version.plan === plan) this.#failed(version, result);
    else if (version.state.kind === "loading") version.lifecycle.change({ kind: "unknown" });
  }

  #takeOver(version: Version, { resident, times }: Loaded, kept: Resident | undefined): void {
    this.counts.loaded += 1;
    this.#owners.set(resident, version);
    version.times = times;
    version.tookMs = times.readMs + times.sessionMs + times.warmMs;
    version.forgive();
    // What it was to take over from was lost in the meantime.
    if (version.state.kind === "unavailable") version.lifecycle.change({ kind: "loading" });
    version.lifecycle.change({ kind: "ready", resident });
    version.waiters.serve(resident);
    if (kept !== undefined && this.#owners.delete(kept)) void this.#ports.loader.unload(kept);
  }

  #failed(version: Version, { reason, passing }: Refused): void {
    const { clock, log } = this.#ports;
    this.counts.failed += 1;
    version.failed(reason, passing, clock);
    const { name, version: number } = version.plan;
    const serving = version.state.kind === "ready";
    log.write("error", "model failed", { model: name, version: number, reason, serving });
    if (!serving) version.lifecycle.change({ kind: "unavailable", reason });
    if (version.retried) return;
    version.waiters.refuse(notReady(version));
    // Only a request or the operator makes it try again.
    if (!serving && version.goal === "loaded") version.goal = "lazy";
  }

  async #takeAway(version: Version): Promise<void> {
    const { state } = version;
    if (state.kind !== "ready") return;
    version.lifecycle.change({ kind: "unloading" });
    this.#owners.delete(state.resident);
    await this.#ports.loader.unload(state.resident);
    version.lifecycle.change({ kind: "unavailable", reason: "unloaded" });
  }

  /** The loader needs its memory, and nobody holds it. */
  #evict(resident: Resident): Promise<void> {
    const version = this.#owners.get(resident);
    assert(version !== undefined && !version.busy, "a model in use was to make room");
    return this.#step(version, async () => {
      if (resident.plan === version.plan) {
        version.known = { bytes: resident.bytes, verdict: resident.model.verdict };
      }
      if (version.goal === "loaded") version.goal = "lazy";
      this.#owners.delete(resident);
      version.lifecycle.change({ kind: "unloading" });
      const { name, version: number } = version.plan;
      this.counts.evicted += 1;
      this.#ports.log.write("info", "model evicted", { model: name, version: number });
      await this.#ports.loader.unload(resident);
      version.lifecycle.change({ kind: "unknown" });
    });
  }

  #settleAway(version: Version): void {
    version.waiters.refuse(notReady(version));
    if (version.goal === "gone") this.#ports.forget(version);
    else if (version.state.kind !== "unavailable" || version.state.reason !== "unloaded") {
      version.lifecycle.change({ kind: "unavailable", reason: "unloaded" });
    }
  }

  #retryLater(version: Version, delayMs: number): void {
    const { retryMs } = version;
    this.#ports.clock.after(delayMs, () => {
      if (version.retryMs === retryMs) this.tend(version);
    });
  }
}

type Loaded = Extract<LoadResult, { kind: "loaded" }>;
type Refused = Extract<LoadResult, { kind: "refused" }>;

/** `model-not-ready`, in Triton's words; why is for the operator. */
export function notReady({ plan, failure }: Pick<Version, "plan" | "failure">): ServingError {
  return new ServingError(
    "model-not-ready",
    `Request for unknown model: '${clip(plan.name)}' version ${plan.version} is not at ready state`,
    failure,
  );
}
