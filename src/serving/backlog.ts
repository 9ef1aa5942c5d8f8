import type { Entry } from "./entry.ts";

/** How much of the newest measurement goes into the mean. */
const weight = 0.2;

/**
 * How long what waits will take, from measured run times. An estimate may refuse a request, never
 * delay one: before the first run of a model it is zero.
 */
export class Backlog {
  /** Mean time of a row in a batch, by generation, in ms. */
  readonly #rowMs = new Map<number, number>();
  #queuedMs = 0;
  #batches = 0;

  /** Until a request that comes now would be run. Where any wait, every slot has a batch. */
  get aheadMs(): number {
    return this.#queuedMs / Math.max(1, this.#batches);
  }

  queued(entry: Entry): void {
    entry.costMs = Math.max(1, entry.rows) * (this.#rowMs.get(entry.model.generation) ?? 0);
    this.#queuedMs += entry.costMs;
  }

  left(entry: Entry): void {
    // Rounding must not leave a wait where nothing waits.
    this.#queuedMs = Math.max(0, this.#queuedMs - entry.costMs);
  }

  began(): void {
    this.#batches += 1;
  }

  ended(): void {
    this.#batches -= 1;
  }

  record(generation: number, rows: number, ms: number): void {
    const now = ms / Math.max(1, rows);
    const before = this.#rowMs.get(generation) ?? now;
    this.#rowMs.set(generation, before + weight * (now - before));
  }

  forget(generation: number): void {
    this.#rowMs.delete(generation);
  }
}
