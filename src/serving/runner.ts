import type { Clock } from "../domain/clock.ts";
import { assert, ServingError } from "../domain/error.ts";
import type { Executor, Log, RunOutcome, RunTimes } from "../domain/ports.ts";
import type { Tensor } from "../domain/tensor.ts";
import type { Charge, Entry } from "./entry.ts";
import { lateness } from "./lateness.ts";
import { pack, split } from "./merge.ts";
import type { ServingStatistics } from "./statistics.ts";

export interface RunnerPorts {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly log: Log;
  readonly statistics: ServingStatistics;
}

/** What a run that went well says of its size. */
export interface Ran {
  readonly rows: number;
  readonly ms: number;
}

type Failed = Exclude<RunOutcome, { kind: "done" }>;

/** A run that went well, with each entry's outputs. */
interface Shared {
  readonly kind: "shared";
  readonly shares: readonly (readonly Tensor[])[];
  readonly charge: Charge;
  /** What the worker took. */
  readonly ms: number;
}

/** A run that went well, but nobody can say whose its outputs are. */
interface Mixed {
  readonly kind: "mixed";
  readonly detail: string;
}

/**
 * Runs a batch and answers each of its entries. A batch that fails is run again as singles, once,
 * on the slot that it has: only the entry that cannot be computed gets an error. Not after a lost
 * worker, since one of them may have killed it.
 */
export class BatchRunner {
  readonly #ports: RunnerPorts;

  constructor(ports: RunnerPorts) {
    this.#ports = ports;
  }

  /** Answers every entry, if it still waits for its answer. Never rejects. */
  async run(batch: readonly Entry[]): Promise<Ran | undefined> {
    const run = await this.#execute(batch);
    if (run.kind === "shared") {
      for (const [index, entry] of batch.entries()) this.#answer(entry, run, index);
      const rows = batch.reduce((sum, entry) => sum + entry.rows, 0);
      return { rows, ms: run.ms };
    }
    if (run.kind === "lost" || (run.kind !== "mixed" && batch.length === 1)) {
      for (const entry of batch) this.#fail(entry, run);
      return undefined;
    }
    this.#fallBack(batch, run);
    for (const entry of batch) await this.#runAlone(entry);
    return undefined;
  }

  /** Runs entries as one batch, takes its outputs apart, and keeps account of it. */
  async #execute(entries: readonly Entry[]): Promise<Shared | Mixed | Failed> {
    const { clock, executor, statistics } = this.#ports;
    const [first] = entries;
    assert(first !== undefined, "an empty batch was run");
    const { outputs, model } = first;
    const beganMs = clock.nowMs();
    const packed = pack(entries);
    const packMs = clock.nowMs() - beganMs;
    const outcome = await executor.run({ ...packed, generation: model.generation, outputs });
    if (outcome.kind !== "done") return outcome;
    const doneMs = clock.nowMs();
    const shares = share(entries, outcome.outputs);
    if (shares === undefined) return { kind: "mixed", detail: mixedReason };
    const { times } = outcome;
    const charge = {
      startMs: beganMs + times.waitMs,
      inputMs: packMs + times.inputMs,
      inferMs: times.inferMs,
      outputMs: times.outputMs + clock.nowMs() - doneMs,
    };
    statistics.of(model).ran(entries, charge, clock.wallMs());
    return { kind: "shared", shares, charge, ms: sum(times) };
  }

  /** A model whose outputs cannot be split was judged too kindly, and is not merged again. */
  #fallBack(batch: readonly Entry[], { kind, detail }: Mixed | Failed): void {
    const [first] = batch;
    assert(first !== undefined, "an empty batch fell back");
    const { model } = first;
    if (kind === "mixed") model.verdict = { kind: "single", reason: mixedReason };
    this.#ports.statistics.of(model).fallbacks += 1;
    this.#ports.log.write("warn", "batch run again as singles", {
      model: model.name,
      version: model.version,
      entries: batch.length,
      detail,
    });
  }

  async #runAlone(entry: Entry): Promise<void> {
    const late = lateness(entry, this.#ports.clock.nowMs());
    if (late !== undefined) {
      entry.settle({ kind: "error", error: late });
      return;
    }
    if (this.#ports.executor.freeSlots(entry.model.generation) === 0) {
      this.#fail(entry, { kind: "lost", detail: "the slot was lost between two runs" });
      return;
    }
    const run = await this.#execute([entry]);
    assert(run.kind !== "mixed", "one entry's outputs were mixed");
    if (run.kind === "shared") this.#answer(entry, run, 0);
    else this.#fail(entry, run);
  }

  /** An entry that was abandoned has its answer; a late outcome is dropped. */
  #answer(entry: Entry, { shares, charge }: Shared, index: number): void {
    const late = lateness(entry, this.#ports.clock.nowMs());
    const outputs = shares[index] ?? [];
    entry.settle(
      late === undefined ? { kind: "outputs", outputs, charge } : { kind: "error", error: late },
    );
  }

  #fail(entry: Entry, outcome: Failed): void {
    const level = outcome.kind === "failed" || outcome.kind === "lost" ? "warn" : "debug";
    const { name, version } = entry.model;
    const { kind, detail } = outcome;
    this.#ports.log.write(level, "run failed", { model: name, version, kind, detail });
    entry.settle({ kind: "error", error: runError(name, outcome) });
  }
}

const mixedReason = "its outputs had other rows than its inputs";

function share(
  batch: readonly Entry[],
  outputs: readonly Tensor[],
): readonly (readonly Tensor[])[] | undefined {
  if (batch.length === 1) return [outputs];
  return split(
    outputs,
    batch.map((entry) => entry.rows),
  );
}

function sum({ inputMs, inferMs, outputMs }: RunTimes): number {
  return inputMs + inferMs + outputMs;
}

function runError(model: string, outcome: Failed): ServingError {
  switch (outcome.kind) {
    case "rejected":
      return new ServingError(
        "invalid-request",
        `model '${model}' cannot compute these input values`,
      );
    case "declined":
      return new ServingError("invalid-request", outcome.detail);
    case "failed":
      return new ServingError("internal", `model '${model}' failed on this request`);
    case "lost":
      return new ServingError(
        "worker-lost",
        `the worker that ran this request of model '${model}' was lost; it may be sent again`,
      );
    default:
      return outcome satisfies never;
  }
}
