import { ServingError } from "./error.ts";

/** One request as its edge knows it: until when it counts, and whether it still does. */
export class Call {
  /** On the scale of `Clock.nowMs`. */
  deadlineMs: number;
  #cancelled = false;
  #onCancel: (() => void) | undefined;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** The client is gone, or takes its request back. Later calls change nothing. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#onCancel?.();
  }

  /** Names the one thing to do when the call is cancelled; `undefined` when it is over. */
  onCancel(task: (() => void) | undefined): void {
    this.#onCancel = task;
  }

  /** Moves the deadline forward, never back. */
  limit(deadlineMs: number): void {
    if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs;
  }

  /** Throws `cancelled` or `deadline-exceeded` when the call no longer counts. */
  check(nowMs: number): void {
    if (this.#cancelled) throw cancelledError();
    if (nowMs >= this.deadlineMs) throw deadlineError();
  }
}

export function cancelledError(): ServingError {
  return new ServingError("cancelled", "the request was cancelled");
}

export function deadlineError(): ServingError {
  return new ServingError("deadline-exceeded", "the request's deadline passed before its answer");
}
