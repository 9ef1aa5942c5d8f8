import { Counter, Gauge, Registry } from "prom-client";
import type { ModelName } from "../domain/model.ts";
import type { LoadTimes, Metrics } from "../domain/ports.ts";
import { type Refusals, refusalReasons } from "../domain/statistics.ts";
import type { Family, Sample } from "./family.ts";
import { watchEventLoop } from "./loop.ts";
import { limitBytes, residentBytes } from "./memory.ts";
import { labelsOf, type ModelSources, modelFamilies, modelLabels } from "./models.ts";

/** Where the figures are kept. They are read when somebody asks; nothing is counted twice. */
export interface MetricSources extends ModelSources {
  readonly admission: {
    readonly entries: number;
    readonly bytes: number;
    readonly refused: Refusals;
  };
  readonly executor: {
    readonly slots: { readonly total: number; readonly busy: number; readonly lost: number };
  };
  readonly repository: {
    readonly leases: number;
    readonly loads: readonly Load[];
    readonly memory: {
      readonly bytes: number;
      readonly residents: number;
      readonly waiting: number;
    };
    readonly changes: {
      readonly loaded: number;
      readonly failed: number;
      readonly evicted: number;
    };
  };
  readonly storage: { readonly pulledBytes: number };
  readonly budgetBytes: number;
  /** Milliseconds from the start of the process to the end of each phase of its start. */
  readonly phasesMs: ReadonlyMap<string, number>;
}

interface Load {
  readonly name: ModelName;
  readonly version: number;
  readonly times: LoadTimes;
}

/** The page of `GET /metrics`. From now on the event loop is watched. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const families = [
    ...modelFamilies(sources),
    ...startFamilies(sources),
    ...serverFamilies(sources),
    ...supplyFamilies(sources),
    ...processFamilies(),
  ];
  for (const family of families) register(registry, family);
  return {
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

function register(registry: Registry, family: Family): void {
  const { kind, name, help, labels: labelNames = [], read } = family;
  const options = { name, help, labelNames, registers: [registry], collect };
  const metric = kind === "counter" ? new Counter(options) : new Gauge(options);
  // prom-client would count by itself; it is told what was counted elsewhere.
  function collect(): void {
    metric.reset();
    for (const [labels, value] of read()) metric.inc(labels, value);
  }
}

function startFamilies({ repository, phasesMs }: MetricSources): Family[] {
  return [
    {
      kind: "gauge",
      name: "thaw_start_seconds",
      help: "Time from the start of the process to the end of each phase of its start",
      labels: ["phase"],
      read: () => [...phasesMs].map(([phase, ms]): Sample => [{ phase }, ms / 1e3]),
    },
    {
      kind: "gauge",
      name: "thaw_model_load_seconds",
      help: "Time of each phase of a model's last load",
      labels: [...modelLabels, "phase"],
      read: () => repository.loads.flatMap(loadSamples),
    },
  ];
}

function loadSamples(load: Load): Sample[] {
  const labels = labelsOf(load);
  const { readMs, sessionMs, warmMs } = load.times;
  return [
    [{ ...labels, phase: "read" }, readMs / 1e3],
    [{ ...labels, phase: "session" }, sessionMs / 1e3],
    [{ ...labels, phase: "warm" }, warmMs / 1e3],
  ];
}

function serverFamilies({ admission, executor, repository }: MetricSources): Family[] {
  return [
    {
      kind: "counter",
      name: "thaw_refused_requests_total",
      help: "Requests that were refused before any work",
      labels: ["reason"],
      read: () => refusalReasons.map((reason) => [{ reason }, admission.refused[reason]]),
    },
    {
      kind: "counter",
      name: "thaw_worker_losses_total",
      help: "Worker threads that ended by themselves",
      read: () => [[{}, executor.slots.lost]],
    },
    gauge("thaw_admitted_requests", "Requests that hold a permit", () => admission.entries),
    gauge("thaw_admitted_bytes", "Bytes of requests that hold a permit", () => admission.bytes),
    gauge("thaw_slots", "Slots, each with a worker thread", () => executor.slots.total),
    gauge("thaw_slots_busy", "Slots that are at work", () => executor.slots.busy),
    gauge("thaw_leases", "Requests that hold a model", () => repository.leases),
  ];
}

function supplyFamilies({ repository, storage, budgetBytes }: MetricSources): Family[] {
  return [
    {
      kind: "counter",
      name: "thaw_model_loads_total",
      help: "Loads of model versions by how they ended",
      labels: ["outcome"],
      read: () => [
        [{ outcome: "loaded" }, repository.changes.loaded],
        [{ outcome: "failed" }, repository.changes.failed],
      ],
    },
    {
      kind: "counter",
      name: "thaw_model_evictions_total",
      help: "Models that were unloaded to make room for others",
      read: () => [[{}, repository.changes.evicted]],
    },
    {
      kind: "counter",
      name: "thaw_pulled_bytes_total",
      help: "Bytes of models that came from remote stores",
      read: () => [[{}, storage.pulledBytes]],
    },
    gauge(
      "thaw_models_loaded",
      "Model versions that are loaded",
      () => repository.memory.residents,
    ),
    gauge("thaw_models_bytes", "What is loaded weighs together", () => repository.memory.bytes),
    gauge(
      "thaw_load_waiters",
      "Requests that wait for a model to be loaded",
      () => repository.memory.waiting,
    ),
    gauge("thaw_memory_budget_bytes", "What models may weigh; 0 for no bound", () => budgetBytes),
  ];
}

function processFamilies(): Family[] {
  return [
    gauge(
      "thaw_event_loop_delay_p99_seconds",
      "99th percentile of the event loop's delay since the last scrape",
      watchEventLoop(),
    ),
    gauge("thaw_resident_memory_bytes", "Resident memory of the process", residentBytes),
    gauge("thaw_memory_limit_bytes", "The container's memory limit; 0 without one", limitBytes),
  ];
}

function gauge(name: string, help: string, value: () => number): Family {
  return { kind: "gauge", name, help, read: () => [[{}, value()]] };
}
