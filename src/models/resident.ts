import { assert } from "../domain/error.ts";
import type { Lease, LoadedModel } from "../domain/model.ts";
import type { Phase } from "./budget.ts";
import type { Brought, PlannedVersion } from "./plan.ts";

/** A generation that the workers hold: its leases, its weight, and when it was last asked for. */
export class Resident {
  readonly model: LoadedModel;
  /** What it was loaded from. */
  readonly plan: PlannedVersion;
  /** What it weighs, in all slots together: an estimate until it was weighed. */
  bytes: number;
  /** Counts up from lease to lease of all residents, so that the least recently used is known. */
  used = 0;
  phase: Phase = "arriving";
  /** The files that it was loaded from, where they were brought here. */
  brought: Brought | undefined;
  #leases = 0;
  #whenIdle: (() => void)[] = [];
  readonly #clock: UseClock;
  readonly #release = () => this.#released();

  constructor(model: LoadedModel, plan: PlannedVersion, bytes: number, clock: UseClock) {
    this.model = model;
    this.plan = plan;
    this.bytes = bytes;
    this.#clock = clock;
    this.used = clock.next();
  }

  get leases(): number {
    return this.#leases;
  }

  get pinned(): boolean {
    return this.plan.pinned;
  }

  lease(): Lease {
    this.#leases += 1;
    this.used = this.#clock.next();
    return { model: this.model, release: this.#release };
  }

  /** Resolves as soon as nobody holds it. */
  idle(): Promise<void> {
    if (this.#leases === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #released(): void {
    assert(this.#leases > 0, "a lease came back twice");
    this.#leases -= 1;
    if (this.#leases > 0) return;
    if (this.#whenIdle.length > 0) {
      const tasks = this.#whenIdle;
      this.#whenIdle = [];
      for (const task of tasks) task();
    }
    this.#clock.onIdle();
  }
}

/** Shared by all residents. */
export class UseClock {
  #uses = 0;
  /** Called whenever a resident has become idle. */
  onIdle: () => void = () => {};

  next(): number {
    this.#uses += 1;
    return this.#uses;
  }
}
