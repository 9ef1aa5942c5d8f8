import type { Verdict } from "../../src/domain/model.ts";
import type { Batch, Executor, LoadOutcome, RunOutcome } from "../../src/domain/ports.ts";

/** An executor whose runs end when the test says so; it holds every generation in every slot. */
export class FakeExecutor implements Executor {
  readonly runs: { readonly batch: Batch; readonly end: (outcome: RunOutcome) => void }[] = [];
  #free: number;
  readonly #listeners: (() => void)[] = [];

  readonly #onRun: (batch: Batch) => void;

  constructor(slots: number, onRun: (batch: Batch) => void = () => {}) {
    this.#free = slots;
    this.#onRun = onRun;
  }

  load(): Promise<LoadOutcome> {
    return Promise.resolve({ kind: "refused", reason: "a fake loads nothing" });
  }

  judge(): Promise<Verdict> {
    return Promise.resolve({ kind: "pending" });
  }

  filled(): Promise<void> {
    return Promise.resolve();
  }

  unload(): Promise<void> {
    return Promise.resolve();
  }

  freeSlots(): number {
    return this.#free;
  }

  onSlotFree(task: () => void): void {
    this.#listeners.push(task);
  }

  run(batch: Batch): Promise<RunOutcome> {
    if (this.#free === 0) throw new Error("no slot is free");
    this.#free -= 1;
    this.#onRun(batch);
    return new Promise((resolve) => {
      this.runs.push({
        batch,
        end: (outcome) => {
          this.#free += 1;
          resolve(outcome);
          for (const listener of this.#listeners) listener();
        },
      });
    });
  }
}

const times = { waitMs: 0, inputMs: 0, inferMs: 0, outputMs: 0 };

export function done(batch: Batch): RunOutcome {
  return { kind: "done", outputs: batch.inputs, times };
}
