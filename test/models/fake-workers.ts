import type { Executor, LoadOutcome, LoadPlan } from "../../src/domain/ports.ts";

const times = { beganMs: 0, readMs: 1, sessionMs: 2, warmMs: 3 };

export const loaded: LoadOutcome = {
  kind: "loaded",
  signature: { kind: "fixed", inputs: [], outputs: [] },
  platform: "test",
  times,
  warmUpFailure: undefined,
};

type Control = Pick<Executor, "load" | "unload" | "filled" | "judge">;

/** Workers that load what they are told, by a rule of the test, and know what they hold. */
export class FakeWorkers implements Control {
  readonly held = new Map<number, string>();
  readonly loads: LoadPlan[] = [];
  readonly #outcome: (plan: LoadPlan) => Promise<LoadOutcome>;

  constructor(outcome: (plan: LoadPlan) => Promise<LoadOutcome> = async () => loaded) {
    this.#outcome = outcome;
  }

  async load(plan: LoadPlan): Promise<LoadOutcome> {
    this.loads.push(plan);
    const outcome = await this.#outcome(plan);
    if (outcome.kind === "loaded") this.held.set(plan.generation, plan.modelPath);
    return outcome;
  }

  async unload(generation: number): Promise<void> {
    if (!this.held.delete(generation)) throw new Error(`${generation} was unloaded, but not held`);
  }

  async filled(): Promise<void> {}

  async judge() {
    return { kind: "batchable" as const };
  }
}
