import type { Call } from "./call.ts";
import type { ServingError } from "./error.ts";
import type {
  Lease,
  LoadedModel,
  ModelConfig,
  ModelMetadata,
  ModelName,
  Signature,
  Verdict,
} from "./model.ts";
import type { InferRequest, InferResponse } from "./request.ts";
import type { ModelStatistics } from "./statistics.ts";
import type { Tensor } from "./tensor.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

/** One event, one line. `event` is a fixed word; what varies is in `fields`. */
export interface Log {
  write(level: LogLevel, event: string, fields?: LogFields): void;
}

/** Work for a slot: the tensors in the order of the signature, and the outputs wanted. */
export interface Batch {
  readonly generation: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  /** Buffers of the inputs that are the batch's own, to be given away instead of copied. */
  readonly buffers: readonly ArrayBuffer[];
}

/** Milliseconds that a run took: its way to the worker, copying in, ONNX Runtime, copying out. */
export interface RunTimes {
  readonly waitMs: number;
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
}

/** How a run ended. `detail` is native text: for the log, never for a client. */
export type RunOutcome =
  | { readonly kind: "done"; readonly outputs: readonly Tensor[]; readonly times: RunTimes }
  | { readonly kind: "rejected"; readonly detail: string }
  /** By what stands before the graph; `detail` is fit for the client. */
  | { readonly kind: "declined"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string }
  | { readonly kind: "lost"; readonly detail: string };

/** Where a model's graph is, and what to call it. */
export interface LoadPlan {
  readonly generation: number;
  readonly modelPath: string;
  /** In how many slots it is held at most; in all where nothing is said. */
  readonly instances?: number;
  /** Threads of ONNX Runtime within one run, where the server's number is not wanted. */
  readonly threads?: number;
  /** What the free dimensions are in the warm-up run with zeros; 0 for no warm-up, usually 1. */
  readonly warmUpRows?: number;
}

export interface LoadTimes {
  /** When the worker began, in milliseconds since the process started. */
  readonly beganMs: number;
  readonly readMs: number;
  readonly sessionMs: number;
  readonly warmMs: number;
}

/** How a load ended. `reason` is fit for an operator: no native text without its context. */
export type LoadOutcome =
  | {
      readonly kind: "loaded";
      readonly signature: Signature;
      readonly platform: string;
      readonly times: LoadTimes;
      /** Why the warm-up run with zeros failed, where it did. That is no failure of the load. */
      readonly warmUpFailure: string | undefined;
    }
  /** `passing`: the same load may well succeed a moment later. */
  | { readonly kind: "refused"; readonly reason: string; readonly passing?: boolean };

/**
 * Runs graphs. It owns the slots: a slot runs one batch at a time, holds some generations, and is
 * filled again by itself after its worker was lost.
 */
export interface Executor {
  /** Loads into one slot, then into the others on its own. Resolves when one slot holds it. */
  load(plan: LoadPlan): Promise<LoadOutcome>;
  /** Resolves when every slot that is to hold a generation holds it, or has given up on it. */
  filled(generation: number): Promise<void>;
  /** Takes a generation out of every slot. No run of it may be under way. */
  unload(generation: number): Promise<void>;
  /** Finds out whether the rows of a generation are independent. Never rejects. */
  judge(generation: number): Promise<Verdict>;
  /** How many idle slots hold the generation. */
  freeSlots(generation: number): number;
  /** Runs on an idle slot that holds the generation. There must be one. Never rejects. */
  run(batch: Batch): Promise<RunOutcome>;
  /** Called whenever a slot became idle or was filled. */
  onSlotFree(task: () => void): void;
}

/** What the edges ask of the control plane. */
export interface Models {
  /**
   * At once where the model is loaded; a promise where the request has to wait for its load. The
   * promise is settled within the call's deadline, and rejects with a ServingError. Throws
   * `model-not-found`, `model-not-ready` (also where the load would take longer than the call may)
   * or `overloaded` (too many wait).
   */
  lease(name: ModelName, version: string | undefined, call: Call): Lease | Promise<Lease>;
  /** Throws and waits as `lease` does. */
  metadata(name: ModelName, version: string | undefined): ModelMetadata | Promise<ModelMetadata>;
  /** The configuration of a model in Triton's form. Throws and waits as `lease` does. */
  config(name: ModelName, version: string | undefined): ModelConfig | Promise<ModelConfig>;
  /** Whether it is loaded; throws `model-not-found`. */
  ready(name: ModelName, version: string | undefined): boolean;
  names(): readonly ModelName[];
  /**
   * The versions that are ready: of every model, of one, or the one version that is named. Throws
   * `model-not-found`, and `model-not-ready` for a version that is named.
   */
  loaded(name?: ModelName, version?: string): readonly LoadedModel[];
}

/** A version of a model in the index of the repository extension. */
export interface IndexEntry {
  readonly name: ModelName;
  /** Absent, with the state, for a model that has never been loaded. */
  readonly version?: number;
  readonly state?: IndexState;
  /** Why it is in its state; for the operator. Empty where there is nothing to say. */
  readonly reason?: string;
}

/** The states that Triton's index knows. */
export type IndexState = "UNKNOWN" | "READY" | "UNAVAILABLE" | "LOADING" | "UNLOADING";

/** What a load by the operator may change. */
export interface LoadRequest {
  /** A model configuration in Triton's JSON, in place of the model's own. */
  readonly config?: string;
  /** Files in place of the model's own, by their paths below its folder. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** Triton's model repository extension. */
export interface RepositoryControl {
  /** `readyOnly`: the versions that are ready. */
  index(readyOnly: boolean): readonly IndexEntry[];
  /** Resolves when the model is ready. Rejects with a ServingError. */
  load(name: string, request: LoadRequest): Promise<void>;
  /** Resolves when the model has left every worker. Rejects with a ServingError. */
  unload(name: string): Promise<void>;
}

/** Whether the server as a whole is to be sent traffic. */
export interface Health {
  live(): boolean;
  ready(): boolean;
  /** Called with the new value whenever `ready` changes. Returns the way to stop listening. */
  onChange(listener: (ready: boolean) => void): () => void;
}

/** A claim on the server's capacity; it counts until each of its holders has let go. */
export interface Permit {
  /** Bytes that turn out to be more or fewer than declared. More may throw `overloaded`. */
  resize(bytes: number): void;
  hold(): void;
  release(): void;
  /** Gives the place back while its request waits for a model; its bytes go on counting. */
  park(): void;
  /** Takes a place again: waits for one, in the order of asking. Never rejects. */
  unpark(): Promise<void>;
}

export interface Admission {
  /** Throws `overloaded` or `shutting-down`, at once. */
  acquire(bytes: number): Permit;
  /** Why a request would be refused whatever its size; it then counts as refused. */
  refusal(): ServingError | undefined;
}

/** What the edges ask of the data plane. */
export interface Dataplane {
  /** Rejects with a ServingError only. The permit is held until the run is over. */
  infer(request: InferRequest, call: Call, permit: Permit): Promise<InferResponse>;
}

/** The data plane's bookkeeping. */
export interface Statistics {
  of(model: LoadedModel): ModelStatistics;
}

/** What monitoring reads of the server as a whole. */
export interface Metrics {
  read(): Promise<MetricsPage>;
}

export interface MetricsPage {
  readonly text: string;
  readonly contentType: string;
}
