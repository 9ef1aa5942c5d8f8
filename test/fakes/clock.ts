import type { Clock } from "../../src/domain/clock.ts";

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #nowMs = 1_000;
  #timers: { readonly atMs: number; readonly task: () => void }[] = [];
  #turn: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, task: () => void): void {
    this.#timers.push({ atMs: this.#nowMs + delayMs, task });
  }

  endOfTurn(task: () => void): void {
    this.#turn.push(task);
  }

  /** Ends the current turn, and lets what it began settle. */
  async turn(): Promise<void> {
    const tasks = this.#turn;
    this.#turn = [];
    for (const task of tasks) task();
    for (let count = 0; count < 10; count += 1) await Promise.resolve();
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter((t) => t.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.task();
      await this.turn();
    }
    this.#nowMs = untilMs;
    await this.turn();
  }
}
