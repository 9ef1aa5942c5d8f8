import type { Executor, LoadOutcome, LoadPlan } from "../../src/domain/ports.ts";

type Control = Pick<Executor, "load" | "unload" | "filled" | "judge">;

interface Pending {
  readonly end: () => void;
}

/** Workers whose loads and unloads end when the simulation says so, and that notice every misuse. */
export class SimulatedWorkers implements Control {
  readonly held = new Map<number, string>();
  readonly problems: string[] = [];
  readonly #pending: Pending[] = [];
  readonly #outcome: (plan: LoadPlan) => LoadOutcome;
  readonly #leasesOf: (generation: number) => number;
  #loading = 0;
  readonly #seen = new Set<number>();

  constructor(outcome: (plan: LoadPlan) => LoadOutcome, leasesOf: (generation: number) => number) {
    this.#outcome = outcome;
    this.#leasesOf = leasesOf;
  }

  get pending(): number {
    return this.#pending.length;
  }

  load(plan: LoadPlan): Promise<LoadOutcome> {
    const { generation, modelPath } = plan;
    if (this.#seen.has(generation)) this.problems.push(`generation ${generation} loaded twice`);
    this.#seen.add(generation);
    this.#loading += 1;
    if (this.#loading > 1) this.problems.push("two loads at a time");
    return this.#later(() => {
      this.#loading -= 1;
      const outcome = this.#outcome(plan);
      if (outcome.kind === "loaded") this.held.set(generation, modelPath);
      return outcome;
    });
  }

  unload(generation: number): Promise<void> {
    const leases = this.#leasesOf(generation);
    if (leases > 0) this.problems.push(`generation ${generation} unloaded with ${leases} leases`);
    if (!this.held.has(generation)) this.problems.push(`generation ${generation} was not held`);
    return this.#later(() => {
      this.held.delete(generation);
    });
  }

  filled(): Promise<void> {
    return Promise.resolve();
  }

  judge() {
    return this.#later(() => ({ kind: "batchable" as const }));
  }

  /** Ends one of what is under way. */
  end(which: number): void {
    const [task] = this.#pending.splice(which % Math.max(this.#pending.length, 1), 1);
    task?.end();
  }

  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#pending.push({ end: () => resolve(work()) });
    });
  }
}
