import { type Call, cancelledError, deadlineError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";

/**
 * Work on large bodies, a slice for each turn of the event loop, so that small requests have theirs
 * between. Few bodies are worked on at a time, first come, first served; the others wait under
 * their permits.
 */
export class Slices {
  readonly #clock: Clock;
  readonly #atOnceMax: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, atOnceMax: number) {
    this.#clock = clock;
    this.#atOnceMax = atOnceMax;
  }

  /** Does the work to its end. Rejects with what it throws, `cancelled` or `deadline-exceeded`. */
  async run<T>(work: Generator<void, T>, call: Call): Promise<T> {
    call.check(this.#clock.nowMs());
    if (this.#running < this.#atOnceMax) this.#running += 1;
    else await this.#turnOf(call);
    try {
      for (;;) {
        const { done, value } = work.next();
        if (done) return value;
        await new Promise<void>((resolve) => this.#clock.endOfTurn(resolve));
        call.check(this.#clock.nowMs());
      }
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      // Takes this one's place.
      else next();
    }
  }

  /** Waits in line; leaves it when the call no longer counts. */
  #turnOf(call: Call): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (error: Error) => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        stop();
        reject(error);
      };
      const delayMs = Math.max(0, call.deadlineMs - this.#clock.nowMs());
      const timer = setTimeout(() => leave(deadlineError()), delayMs).unref();
      const stop = () => {
        clearTimeout(timer);
        call.onCancel(undefined);
      };
      const begin = () => {
        stop();
        resolve();
      };
      call.onCancel(() => leave(cancelledError()));
      this.#waiting.push(begin);
    });
  }
}
