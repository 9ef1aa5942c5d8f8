import type { LoadedModel } from "../domain/model.ts";
import type { Models, Statistics } from "../domain/ports.ts";
import { failureReasons, type ModelStatistics, stages, type Tally } from "../domain/statistics.ts";
import type { Family, Labels, Sample } from "./family.ts";

/** Metrics of each model that is ready. */

export interface ModelSources {
  readonly models: Pick<Models, "loaded">;
  readonly statistics: Statistics;
  readonly queue: { readonly queuedByGeneration: ReadonlyMap<number, number> };
}

/** A counter, and what it reads of one model's past. */
interface ModelCounter {
  readonly name: string;
  readonly help: string;
  /** Besides the model and its version. */
  readonly labels: readonly string[];
  readonly read: (past: ModelStatistics) => readonly Sample[];
}

export const modelLabels = ["model", "version"];

export function labelsOf({ name, version }: Pick<LoadedModel, "name" | "version">): Labels {
  return { model: name, version: String(version) };
}

export function modelFamilies({ models, statistics, queue }: ModelSources): Family[] {
  const counters = [...tritonCounters, ...ownCounters].map(
    ({ name, help, labels, read }): Family => ({
      kind: "counter",
      name,
      help,
      labels: [...modelLabels, ...labels],
      read: () =>
        models.loaded().flatMap((model) => {
          const of = labelsOf(model);
          return read(statistics.of(model)).map(
            ([more, value]): Sample => [{ ...of, ...more }, value],
          );
        }),
    }),
  );
  const pending: Family = {
    kind: "gauge",
    name: "nv_inference_pending_request_count",
    help: "Instantaneous number of pending requests awaiting execution per-model.",
    labels: modelLabels,
    read: () => {
      const sizes = queue.queuedByGeneration;
      return models
        .loaded()
        .map((model): Sample => [labelsOf(model), sizes.get(model.generation) ?? 0]);
    },
  };
  return [...counters, pending];
}

function count(name: string, help: string, value: (past: ModelStatistics) => number): ModelCounter {
  return { name, help, labels: [], read: (past) => [[{}, value(past)]] };
}

function micros(what: string, help: string, tally: (past: ModelStatistics) => Tally): ModelCounter {
  const name = `nv_inference_${what}_duration_us`;
  return count(name, help, (past) => Math.round(tally(past).ns / 1e3));
}

/** Triton's names, labels and words (its `metrics.cc`), so that its dashboards work. */
const tritonCounters: readonly ModelCounter[] = [
  count(
    "nv_inference_request_success",
    "Number of successful inference requests, all batch sizes",
    (past) => past.success.count,
  ),
  {
    name: "nv_inference_request_failure",
    help: "Number of failed inference requests, all batch sizes",
    labels: ["reason"],
    read: ({ failures }) => failureReasons.map((reason) => [{ reason }, failures[reason]]),
  },
  count(
    "nv_inference_count",
    "Number of inferences performed (does not include cached requests)",
    (past) => past.inferences,
  ),
  count(
    "nv_inference_exec_count",
    "Number of model executions performed (does not include cached requests)",
    (past) => past.executions,
  ),
  micros(
    "request",
    "Cumulative inference request duration in microseconds (includes cached requests)",
    (past) => past.success,
  ),
  micros(
    "queue",
    "Cumulative inference queuing duration in microseconds (includes cached requests)",
    (past) => past.queue,
  ),
  micros(
    "compute_input",
    "Cumulative compute input duration in microseconds (does not include cached requests)",
    (past) => past.input,
  ),
  micros(
    "compute_infer",
    "Cumulative compute inference duration in microseconds (does not include cached requests)",
    (past) => past.infer,
  ),
  micros(
    "compute_output",
    "Cumulative inference compute output duration in microseconds (does not include cached " +
      "requests)",
    (past) => past.output,
  ),
];

const ownCounters: readonly ModelCounter[] = [
  {
    name: "thaw_dropped_requests_total",
    help: "Requests that were cancelled or expired, before their run or during it",
    labels: ["stage", "reason"],
    read: ({ drops }) =>
      stages.flatMap((stage): Sample[] => [
        [{ stage, reason: "cancelled" }, drops[stage].cancelled],
        [{ stage, reason: "expired" }, drops[stage].expired],
      ]),
  },
  {
    name: "thaw_batches_total",
    help: "Runs by the rows of their batch, up to the next power of two",
    labels: ["rows_up_to"],
    read: batchSizes,
  },
  count(
    "thaw_batch_fallbacks_total",
    "Batches that were run again as single requests",
    (past) => past.fallbacks,
  ),
];

const rowsUpToMax = 1_024;

function batchSizes({ batches }: ModelStatistics): Sample[] {
  const runs = new Map<string, number>();
  for (const { rows, infer } of batches) {
    const upTo = 2 ** Math.ceil(Math.log2(rows));
    const label = upTo > rowsUpToMax ? "+Inf" : String(upTo);
    runs.set(label, (runs.get(label) ?? 0) + infer.count);
  }
  return [...runs].map(([label, value]) => [{ rows_up_to: label }, value]);
}
