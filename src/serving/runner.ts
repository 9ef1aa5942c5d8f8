import type { Clock } from "../domain/clock.ts";
import { assert, ServingError } from "../domain/error.ts";
import type { Executor, Log, RunOutcome, RunTimes } from "../domain/ports.ts";
import type { Tensor } from "../domain/tensor.ts";
import type { Entry } from "./entry.ts";
import { lateness } from "./lateness.ts";
import { pack, split } from "./merge.ts";

export interface RunnerPorts {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly log: Log;
}

/** What a run that went well says of its size. */
export interface Ran {
  readonly rows: number;
  readonly ms: number;
}

type Failed = Exclude<RunOutcome, { kind: "done" }>;

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
    const outcome = await this.#execute(batch);
    if (outcome.kind === "lost" || (outcome.kind !== "done" && batch.length === 1)) {
      for (const entry of batch) this.#fail(entry, outcome);
      return undefined;
    }
    const rows = batch.map((entry) => entry.rows);
    const answers = outcome.kind === "done" ? this.#share(batch, outcome.outputs) : undefined;
    if (outcome.kind !== "done" || answers === undefined) {
      this.#fallBack(batch, outcome);
      for (const entry of batch) await this.#runAlone(entry);
      return undefined;
    }
    for (const [index, entry] of batch.entries()) this.#answer(entry, answers[index] ?? []);
    const total = rows.reduce((sum, count) => sum + count, 0);
    return total === 0 ? undefined : { rows: total, ms: sum(outcome.times) };
  }

  #execute(entries: readonly Entry[]): Promise<RunOutcome> {
    const [first] = entries;
    assert(first !== undefined, "an empty batch was run");
    const { outputs, model } = first;
    const { generation } = model;
    return this.#ports.executor.run({ ...pack(entries), generation, outputs });
  }

  #share(
    batch: readonly Entry[],
    outputs: readonly Tensor[],
  ): readonly (readonly Tensor[])[] | undefined {
    if (batch.length === 1) return [outputs];
    return split(
      outputs,
      batch.map((entry) => entry.rows),
    );
  }

  /** A model whose outputs cannot be split was judged too kindly, and is not merged again. */
  #fallBack(batch: readonly Entry[], outcome: RunOutcome): void {
    const [first] = batch;
    assert(first !== undefined, "an empty batch fell back");
    const { name, version } = first.model;
    const reason = "its outputs had other rows than its inputs";
    if (outcome.kind === "done") first.model.verdict = { kind: "single", reason };
    const detail = outcome.kind === "done" ? reason : outcome.detail;
    const entries = batch.length;
    this.#ports.log.write("warn", "batch run again as singles", {
      model: name,
      version,
      entries,
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
    const outcome = await this.#execute([entry]);
    if (outcome.kind === "done") this.#answer(entry, outcome.outputs);
    else this.#fail(entry, outcome);
  }

  /** An entry that was abandoned has its answer; a late outcome is dropped. */
  #answer(entry: Entry, outputs: readonly Tensor[]): void {
    const late = lateness(entry, this.#ports.clock.nowMs());
    entry.settle(
      late === undefined ? { kind: "outputs", outputs } : { kind: "error", error: late },
    );
  }

  #fail(entry: Entry, outcome: Failed): void {
    const level = outcome.kind === "rejected" ? "debug" : "warn";
    const { name, version } = entry.model;
    const { kind, detail } = outcome;
    this.#ports.log.write(level, "run failed", { model: name, version, kind, detail });
    entry.settle({ kind: "error", error: runError(name, outcome) });
  }
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
