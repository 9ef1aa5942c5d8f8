import type { LoadedModel } from "../../domain/model.ts";
import type { Statistics } from "../../domain/ports.ts";
import type { BatchStatistics, ModelStatistics, Tally } from "../../domain/statistics.ts";

/**
 * Triton's statistics extension (extension_statistics.md, and ModelStatisticsResponse in its
 * grpc_service.proto). JSON and protobuf have the same fields.
 */

export interface ModelStatisticsMessage {
  readonly name: string;
  readonly version: string;
  /** ms since 1970. */
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<InferenceField, Tally>>;
  /** Of models that give several answers to one request. */
  readonly response_stats: Readonly<Record<string, never>>;
  readonly batch_stats: readonly BatchMessage[];
  readonly memory_usage: readonly never[];
}

type ComputeField = "compute_input" | "compute_infer" | "compute_output";
type InferenceField = ComputeField | "success" | "fail" | "queue" | "cache_hit" | "cache_miss";
type BatchMessage = { readonly batch_size: number } & Readonly<Record<ComputeField, Tally>>;

export interface StatisticsMessage {
  readonly model_stats: readonly ModelStatisticsMessage[];
}

export function statisticsMessage(
  models: readonly LoadedModel[],
  statistics: Statistics,
): StatisticsMessage {
  return { model_stats: models.map((model) => modelMessage(model, statistics.of(model))) };
}

function modelMessage(model: LoadedModel, past: ModelStatistics): ModelStatisticsMessage {
  return {
    name: model.name,
    version: String(model.version),
    last_inference: Math.floor(past.lastInferenceMs),
    inference_count: past.inferences,
    execution_count: past.executions,
    inference_stats: {
      success: duration(past.success),
      fail: duration(past.fail),
      queue: duration(past.queue),
      compute_input: duration(past.input),
      compute_infer: duration(past.infer),
      compute_output: duration(past.output),
      cache_hit: nothing,
      cache_miss: nothing,
    },
    response_stats: {},
    batch_stats: past.batches.map(batchMessage),
    memory_usage: [],
  };
}

function batchMessage({ rows, input, infer, output }: BatchStatistics): BatchMessage {
  return {
    batch_size: rows,
    compute_input: duration(input),
    compute_infer: duration(infer),
    compute_output: duration(output),
  };
}

/** There is no cache of answers. */
const nothing: Tally = { count: 0, ns: 0 };

/** The two fields alone. */
function duration({ count, ns }: Tally): Tally {
  return { count, ns };
}
