import type { ErrorKind } from "../domain/error.ts";
import { batchRowsMax } from "../domain/limits.ts";
import { graphInputs, graphOutputs, type LoadedModel, type Signature } from "../domain/model.ts";
import type { Statistics } from "../domain/ports.ts";
import type {
  BatchStatistics,
  FailureReason,
  ModelStatistics,
  Stage,
  Tally,
} from "../domain/statistics.ts";
import type { Answer, Charge, Entry } from "./entry.ts";
import { rowsOf } from "./merge.ts";

/** The past of each loaded model, by generation: a model that is loaded anew begins anew. */
export class ServingStatistics implements Statistics {
  readonly #models = new Map<number, VersionStatistics>();

  of(model: LoadedModel): VersionStatistics {
    let statistics = this.#models.get(model.generation);
    if (statistics === undefined) {
      statistics = new VersionStatistics(model.signature);
      this.#models.set(model.generation, statistics);
    }
    return statistics;
  }

  forget(generation: number): void {
    this.#models.delete(generation);
  }
}

/**
 * Counters of one loaded model, as Triton's `infer_stats.cc` keeps them. Plain sums: what is
 * added up for a request is all that it costs.
 */
export class VersionStatistics implements ModelStatistics {
  lastInferenceMs = 0;
  inferences = 0;
  executions = 0;
  fallbacks = 0;
  readonly success = new Sum();
  readonly fail = new Sum();
  readonly queue = new Sum();
  readonly input = new Sum();
  readonly infer = new Sum();
  readonly output = new Sum();
  readonly failures = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  readonly drops = {
    queued: { cancelled: 0, expired: 0 },
    running: { cancelled: 0, expired: 0 },
  };
  readonly #batches = new Map<number, BatchSums>();
  readonly #batched: boolean;

  constructor(signature: Signature) {
    this.#batched = hasBatchDimension(signature);
  }

  get batches(): readonly BatchStatistics[] {
    return [...this.#batches.values()].sort((a, b) => a.rows - b.rows);
  }

  /** A request has got its answer. */
  settled(entry: Entry, answer: Answer, nowMs: number): void {
    const tookMs = nowMs - entry.admittedMs;
    if (answer.kind === "error") {
      this.#failed(answer.error.kind, entry.running ? "running" : "queued", tookMs);
      return;
    }
    const { startMs, inputMs, inferMs, outputMs } = answer.charge;
    this.success.add(tookMs);
    this.queue.add(startMs - entry.admittedMs);
    this.input.add(inputMs);
    this.infer.add(inferMs);
    this.output.add(outputMs);
    this.inferences += this.#rowsOf(entry);
  }

  /** A run has given outputs, whoever still waits for them. */
  ran(batch: readonly Entry[], { inputMs, inferMs, outputMs }: Charge, wallMs: number): void {
    this.lastInferenceMs = wallMs;
    this.executions += 1;
    let rows = 0;
    for (const entry of batch) rows += this.#rowsOf(entry);
    const sums = this.#batchesOf(rows);
    sums.input.add(inputMs);
    sums.infer.add(inferMs);
    sums.output.add(outputMs);
  }

  #failed(kind: ErrorKind, stage: Stage, tookMs: number): void {
    this.fail.add(tookMs);
    this.failures[reasonOf(kind, stage)] += 1;
    if (kind === "cancelled") this.drops[stage].cancelled += 1;
    else if (kind === "deadline-exceeded" || kind === "overloaded") this.drops[stage].expired += 1;
  }

  /** A request without a batch dimension, or without rows, counts 1. */
  #rowsOf({ rows, inputs }: Entry): number {
    if (rows > 0) return rows;
    return (this.#batched ? rowsOf(inputs) : 0) || 1;
  }

  /**
   * By exact size as far as requests are merged. One request may have any number of rows, and its
   * client is not to choose how many sizes are kept: larger ones go by the next power of two.
   */
  #batchesOf(rows: number): BatchSums {
    const size = rows <= batchRowsMax ? rows : 2 ** Math.ceil(Math.log2(rows));
    let sums = this.#batches.get(size);
    if (sums === undefined) {
      sums = { rows: size, input: new Sum(), infer: new Sum(), output: new Sum() };
      this.#batches.set(size, sums);
    }
    return sums;
  }
}

interface BatchSums extends BatchStatistics {
  readonly input: Sum;
  readonly infer: Sum;
  readonly output: Sum;
}

class Sum implements Tally {
  count = 0;
  ns = 0;

  /** Whole nanoseconds, so that sums are exact until they are beyond 2⁵³. */
  add(ms: number): void {
    this.count += 1;
    this.ns += Math.round(ms * 1e6);
  }
}

/** As Triton completes the configuration of an ONNX model: dimension 0 is free everywhere. */
function hasBatchDimension(signature: Signature): boolean {
  return [...graphInputs(signature), ...graphOutputs(signature)].every(
    ({ shape }) => shape !== null && shape[0] === -1,
  );
}

/** Triton refuses what waits too long. That a run took too long has no reason of its own. */
function reasonOf(kind: ErrorKind, stage: Stage): FailureReason {
  if (kind === "deadline-exceeded") return stage === "queued" ? "REJECTED" : "OTHER";
  return reasons[kind] ?? "OTHER";
}

const reasons: Readonly<Partial<Record<ErrorKind, FailureReason>>> = {
  overloaded: "REJECTED",
  cancelled: "CANCELED",
  "invalid-request": "BACKEND",
  internal: "BACKEND",
  "worker-lost": "BACKEND",
};
