import type { Verdict } from "../domain/model.ts";
import type { Batch, LoadOutcome, LoadPlan, RunOutcome } from "../domain/ports.ts";

/**
 * All that crosses between the main thread and a worker, as plain data: errors lose their class on
 * the way, so results and failures come back as one closed union each.
 */
export type Task =
  | ({
      readonly kind: "load";
      readonly threads: number;
      /** Where graphs are written that are made of other files. */
      readonly folder: string;
    } & Omit<LoadPlan, "threads">)
  | { readonly kind: "unload"; readonly generation: number }
  | { readonly kind: "judge"; readonly generation: number }
  /** `sentMs` is on the scale of `sharedNowMs`. */
  | ({ readonly kind: "run"; readonly sentMs: number } & Omit<Batch, "buffers">);

/** A worker cannot report its own loss. */
export type WorkerRunOutcome = Exclude<RunOutcome, { kind: "lost" }>;

export type Reply =
  | LoadOutcome
  | WorkerRunOutcome
  | { readonly kind: "unloaded" }
  | { readonly kind: "judged"; readonly verdict: Verdict };
