/** Time as the inner layers see it, so that a simulation can be in charge of it. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970, to be shown; they may jump. */
  wallMs(): number;
  /** Runs `task` once, at least `delayMs` from now; does not keep the process alive. */
  after(delayMs: number, task: () => void): void;
  /** Runs `task` once at the end of the current turn of the event loop. */
  endOfTurn(task: () => void): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, task) => {
    setTimeout(task, delayMs).unref();
  },
  endOfTurn: (task) => {
    setImmediate(task);
  },
};
