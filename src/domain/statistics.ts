/** What the data plane knows of its past, in the terms of Triton's statistics extension. */

/** How often something happened, and how long it took in all. */
export interface Tally {
  readonly count: number;
  readonly ns: number;
}

/** Triton's reasons: refused by the queue, taken back, failed in the model, anything else. */
export const failureReasons = ["REJECTED", "CANCELED", "BACKEND", "OTHER"] as const;
export type FailureReason = (typeof failureReasons)[number];

/** Where a request was when it ended: it had never been dispatched, or its run was under way. */
export const stages = ["queued", "running"] as const;
export type Stage = (typeof stages)[number];

/** Requests that ended without an outcome of their own. */
export interface Drops {
  readonly cancelled: number;
  readonly expired: number;
}

export interface ComputeStatistics {
  readonly input: Tally;
  readonly infer: Tally;
  readonly output: Tally;
}

/** Runs of batches of one size, each counted once. */
export interface BatchStatistics extends ComputeStatistics {
  readonly rows: number;
}

/**
 * The past of one loaded model. Requests that went well are in `success`, `queue` and the three
 * compute tallies, each charged with the times of its whole batch; all others are in `fail` alone.
 */
export interface ModelStatistics extends ComputeStatistics {
  /** When the last run ended, in ms since 1970; 0 before the first. */
  readonly lastInferenceMs: number;
  /** Rows of requests that went well. */
  readonly inferences: number;
  /** Runs that gave outputs. */
  readonly executions: number;
  readonly success: Tally;
  readonly fail: Tally;
  readonly queue: Tally;
  readonly failures: Readonly<Record<FailureReason, number>>;
  readonly drops: Readonly<Record<Stage, Drops>>;
  /** Batches that were run again as singles. */
  readonly fallbacks: number;
  /** By size, ascending. */
  readonly batches: readonly BatchStatistics[];
}

/** Why a request was refused before any work. */
export const refusalReasons = ["requests", "bytes", "memory", "shutting-down"] as const;
export type RefusalReason = (typeof refusalReasons)[number];
export type Refusals = Readonly<Record<RefusalReason, number>>;
