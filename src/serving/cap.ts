import { batchRowsMax, batchRunMsMax } from "../domain/limits.ts";

/** A run of twice the rows has to be at least this much cheaper per row. */
const gainWanted = 0.9;
/** Runs of a size before its time counts. */
const samplesWanted = 3;
/** The best time of a size fades by this much a run, so that it follows a machine that slows. */
const fading = 1.02;
/** A size that did not pay is tried again after this many runs: load and machine change. */
const retryAfterRuns = 500;

interface Size {
  samples: number;
  bestMs: number;
}

/**
 * How many rows a batch of one model may have, from measured run times by power of two. It doubles
 * while a larger batch costs less per row, and stays where that gains nothing or a run would take
 * longer than `batchRunMsMax`: a run cannot be cancelled.
 */
export class BatchCap {
  readonly #sizes: Size[] = [];
  #exponent = 0;
  /** The size that did not pay, and the runs since then. */
  #refused = 0;
  #runsSinceRefusal = 0;
  readonly #rowsMax: number;

  constructor(rowsMax = batchRowsMax) {
    this.#rowsMax = rowsMax;
  }

  get rows(): number {
    return Math.min(2 ** this.#exponent, this.#rowsMax);
  }

  /** A run of `rows` rows took `ms`. */
  record(rows: number, ms: number): void {
    const exponent = Math.floor(Math.log2(rows));
    const size = this.#size(exponent);
    // The best, not the mean: noise only ever makes a run longer.
    size.bestMs = size.samples === 0 ? ms : Math.min(size.bestMs * fading, ms);
    size.samples += 1;
    this.#runsSinceRefusal += 1;
    if (exponent === this.#exponent) this.#judge(size);
  }

  #size(exponent: number): Size {
    let size = this.#sizes[exponent];
    if (size === undefined) {
      size = { samples: 0, bestMs: 0 };
      this.#sizes[exponent] = size;
    }
    return size;
  }

  /** The current size has a new sample: stay, double, or go back. */
  #judge(size: Size): void {
    if (size.samples < samplesWanted) return;
    if (!this.#pays(size)) {
      this.#refused = this.#exponent;
      this.#exponent -= 1;
      size.samples = 0;
      this.#runsSinceRefusal = 0;
      return;
    }
    if (this.rows === this.#rowsMax || size.bestMs * 2 > batchRunMsMax) return;
    const retry = this.#runsSinceRefusal >= retryAfterRuns;
    if (this.#exponent + 1 !== this.#refused || retry) this.#exponent += 1;
  }

  #pays(size: Size): boolean {
    const smaller = this.#sizes[this.#exponent - 1];
    if (smaller === undefined) return true;
    if (size.bestMs > batchRunMsMax) return false;
    return smaller.samples === 0 || size.bestMs / 2 <= gainWanted * smaller.bestMs;
  }
}
