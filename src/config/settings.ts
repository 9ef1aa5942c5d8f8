import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cacheBytesMax,
  GiB,
  KiB,
  MiB,
  pollMsMax,
  pollMsMin,
  requestBytesMax,
  TiB,
} from "../domain/limits.ts";
import { modelNameProblem } from "../domain/model.ts";
import { duration, integer, oneOf, type Parser, size, text, yesOrNo } from "./parsers.ts";

/** One setting: everything that the parser, the help and the settings page say of it. */
export interface Setting<T> {
  /** The first is the name that thaw uses; the others are accepted spellings. */
  readonly flags: readonly [string, ...string[]];
  /** Environment variables, the first that is set wins; a flag wins over all. */
  readonly env: readonly string[];
  readonly placeholder: string;
  readonly parse: Parser<T>;
  readonly fallback: T;
  /** How the fallback reads in the help, where it is not the value itself. */
  readonly fallbackText?: string;
  /** What the flag means without a value. */
  readonly bare?: string;
  readonly summary: string;
  readonly group: "Serving" | "Models" | "Storage" | "Limits" | "Logs" | "KServe";
}

function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}

const port = integer(0, 65_535);

const modelName: Parser<string | undefined> = (given) => {
  const problem = modelNameProblem(given);
  return problem === undefined
    ? { ok: true, value: given }
    : { ok: false, expected: `a model name; ${problem}` };
};

/** As KServe reads it: what is not `true` is false. */
const isTrue: Parser<boolean> = (given) => ({ ok: true, value: given.toLowerCase() === "true" });

const names: Parser<readonly string[]> = (given) => {
  const all = given.split(",").filter((name) => name !== "");
  const problem = all.map(modelNameProblem).find((one) => one !== undefined);
  return problem === undefined
    ? { ok: true, value: all }
    : { ok: false, expected: `model names separated by commas; ${problem}` };
};

function optional<T>(parser: Parser<T>): Parser<T | undefined> {
  return parser;
}

/** Every setting of `thaw serve`, in the order of the help. */
export const settings = {
  port: setting({
    flags: ["--port"],
    env: ["THAW_PORT", "PORT"],
    placeholder: "PORT",
    parse: port,
    fallback: 8080,
    summary: "port for REST and gRPC together; 0 takes a free one",
    group: "Serving",
  }),
  host: setting({
    flags: ["--host"],
    env: ["THAW_HOST"],
    placeholder: "ADDRESS",
    parse: text,
    fallback: "::",
    fallbackText: "every address, IPv6 and IPv4",
    summary: "address to listen on",
    group: "Serving",
  }),
  workers: setting({
    flags: ["--workers"],
    env: ["THAW_WORKERS"],
    placeholder: "N",
    parse: optional(integer(1, 256)),
    fallback: undefined,
    fallbackText: "one per whole CPU, at least 1",
    summary: "inference workers; each runs one batch at a time and holds the models",
    group: "Serving",
  }),
  threads: setting({
    flags: ["--threads"],
    env: ["THAW_THREADS"],
    placeholder: "N",
    parse: integer(1, 256),
    fallback: 1,
    summary: "threads of ONNX Runtime within one run",
    group: "Serving",
  }),
  batching: setting({
    flags: ["--batching"],
    env: ["THAW_BATCHING"],
    placeholder: "MODE",
    parse: oneOf(["auto", "off"] as const),
    fallback: "auto" as const,
    fallbackText: "auto: where a model's rows are independent of each other",
    summary: "auto or off: merge requests that wait for the same model into one run",
    group: "Serving",
  }),
  repository: setting({
    flags: ["--repository", "--model-repository", "--model-store"],
    env: ["THAW_REPOSITORY"],
    placeholder: "FOLDER",
    parse: optional(text),
    fallback: undefined,
    summary: "folder with a model in each of its folders, loaded at their first request",
    group: "Models",
  }),
  load: setting({
    flags: ["--load"],
    env: ["THAW_LOAD"],
    placeholder: "WHEN",
    parse: oneOf(["lazy", "eager"] as const),
    fallback: "lazy" as const,
    summary: "lazy or eager: load a repository's models at their first request or at the start",
    group: "Models",
  }),
  preload: setting({
    flags: ["--preload"],
    env: ["THAW_PRELOAD"],
    placeholder: "NAMES",
    parse: names,
    fallback: [],
    fallbackText: "none",
    summary: "models of the repository to load before the port opens, separated by commas",
    group: "Models",
  }),
  memoryBudgetBytes: setting({
    flags: ["--memory-budget"],
    env: ["THAW_MEMORY_BUDGET"],
    placeholder: "SIZE",
    parse: optional(size(MiB, 1_024 * GiB)),
    fallback: undefined,
    fallbackText: "by the container's memory limit; none without one",
    summary: "what loaded models may weigh; those used least recently make room for others",
    group: "Models",
  }),
  watch: setting({
    flags: ["--watch"],
    env: ["THAW_WATCH"],
    placeholder: "YES",
    parse: yesOrNo,
    bare: "yes",
    fallback: false,
    fallbackText: "no",
    summary: "yes or no: follow changes of local models and repositories as they happen",
    group: "Models",
  }),
  pollMs: setting({
    flags: ["--poll"],
    env: ["THAW_POLL"],
    placeholder: "DURATION",
    parse: optional(duration(pollMsMax, pollMsMin)),
    fallback: undefined,
    fallbackText: "never",
    summary: "how often to look for changes of models and repositories",
    group: "Models",
  }),
  repositoryApi: setting({
    flags: ["--repository-api"],
    env: ["THAW_REPOSITORY_API"],
    placeholder: "MODE",
    parse: oneOf(["off", "on", "files"] as const),
    bare: "on",
    fallback: "off" as const,
    summary: "off, on, or files: clients may load and unload models; files: and send them",
    group: "Models",
  }),
  lingerMs: setting({
    flags: ["--linger"],
    env: ["THAW_LINGER"],
    placeholder: "DURATION",
    parse: optional(duration(20_000)),
    fallback: undefined,
    fallbackText: "5s; 0 under Knative",
    summary: "how long to go on serving after SIGTERM, until load balancers have noticed",
    group: "Serving",
  }),
  cacheFolder: setting({
    flags: ["--cache-dir"],
    env: ["THAW_CACHE_DIR"],
    placeholder: "FOLDER",
    parse: text,
    fallback: join(tmpdir(), "thaw"),
    fallbackText: "$TMPDIR/thaw",
    summary: "folder for what is pulled; several servers may share it",
    group: "Storage",
  }),
  cacheBytesMax: setting({
    flags: ["--cache-size"],
    env: ["THAW_CACHE_SIZE"],
    placeholder: "SIZE",
    parse: size(MiB, TiB),
    fallback: cacheBytesMax,
    fallbackText: "32GiB",
    summary: "what the cache may grow to; what is in use is never removed",
    group: "Storage",
  }),
  offline: setting({
    flags: ["--offline"],
    env: ["THAW_OFFLINE", "HF_HUB_OFFLINE"],
    placeholder: "YES|NO",
    parse: yesOrNo,
    fallback: false,
    bare: "yes",
    summary: "ask no store, serve what the cache has",
    group: "Storage",
  }),
  requestBytesMax: setting({
    flags: ["--max-request-size"],
    env: ["THAW_MAX_REQUEST_SIZE"],
    placeholder: "SIZE",
    parse: size(KiB, GiB),
    fallback: requestBytesMax,
    fallbackText: "64MiB",
    summary: "largest request, on every protocol",
    group: "Limits",
  }),
  logFormat: setting({
    flags: ["--log-format"],
    env: ["THAW_LOG_FORMAT"],
    placeholder: "FORMAT",
    parse: oneOf(["auto", "json", "text"] as const),
    fallback: "auto" as const,
    fallbackText: "auto: text on a terminal, JSON elsewhere",
    summary: "json or text, one line per event, on stderr",
    group: "Logs",
  }),
  logLevel: setting({
    flags: ["--log-level"],
    env: ["THAW_LOG_LEVEL"],
    placeholder: "LEVEL",
    parse: oneOf(["debug", "info", "warn", "error"] as const),
    fallback: "info" as const,
    summary: "least important events to write: debug, info, warn or error",
    group: "Logs",
  }),
  modelName: setting({
    flags: ["--model-name"],
    env: ["THAW_MODEL_NAME", "MLSERVER_MODEL_NAME", "INFERENCE_SERVICE_NAME"],
    placeholder: "NAME",
    parse: modelName,
    fallback: undefined,
    fallbackText: "the file's or folder's own name",
    summary: "name of the model, where the source does not give it",
    group: "KServe",
  }),
  modelDir: setting({
    flags: ["--model-dir", "--model-path"],
    env: ["THAW_MODEL_DIR", "MLSERVER_MODEL_URI"],
    placeholder: "FOLDER",
    parse: optional(text),
    fallback: undefined,
    summary: "a source, in KServe's spelling",
    group: "KServe",
  }),
  httpPort: setting({
    flags: ["--http-port", "--rest-port"],
    env: ["THAW_HTTP_PORT", "MLSERVER_HTTP_PORT"],
    placeholder: "PORT",
    parse: optional(port),
    fallback: undefined,
    summary: "opens this port; every port serves every protocol",
    group: "KServe",
  }),
  grpcPort: setting({
    flags: ["--grpc-port"],
    env: ["THAW_GRPC_PORT", "MLSERVER_GRPC_PORT"],
    placeholder: "PORT",
    parse: optional(port),
    fallback: undefined,
    summary: "opens this port as well",
    group: "KServe",
  }),
  metricsPort: setting({
    flags: ["--metrics-port"],
    env: ["THAW_METRICS_PORT", "MLSERVER_METRICS_PORT"],
    placeholder: "PORT",
    parse: optional(port),
    fallback: undefined,
    summary: "opens this port as well; /metrics is on every port",
    group: "KServe",
  }),
  eventType: setting({
    flags: ["--event-type"],
    env: ["CE_TYPE"],
    placeholder: "TYPE",
    parse: text,
    fallback: "io.kserve.inference.response",
    summary: "type of the CloudEvents that answer CloudEvents",
    group: "KServe",
  }),
  eventSource: setting({
    flags: ["--event-source"],
    env: ["CE_SOURCE"],
    placeholder: "SOURCE",
    parse: optional(text),
    fallback: undefined,
    fallbackText: "io.kserve.inference. and the model's name",
    summary: "source of the CloudEvents that answer CloudEvents",
    group: "KServe",
  }),
  eventMerge: setting({
    flags: ["--event-merge"],
    env: ["CE_MERGE"],
    placeholder: "BOOL",
    parse: isTrue,
    fallback: false,
    summary: "true or false: whether attributes of a CloudEvent go into its answer",
    group: "KServe",
  }),
  tabular: setting({
    flags: ["--tabular"],
    env: ["THAW_TABULAR"],
    placeholder: "kserve|mlserver",
    parse: oneOf(["kserve", "mlserver"] as const),
    fallback: "kserve" as const,
    summary: "whose names and shapes answers of models of tables have",
    group: "KServe",
  }),
  profileStart: setting({
    flags: ["--profile-start"],
    env: ["THAW_PROFILE_START"],
    placeholder: "YES",
    parse: yesOrNo,
    bare: "yes",
    fallback: false,
    fallbackText: "no",
    summary: "yes or no: log where the time of the start went, by phase in milliseconds",
    group: "Logs",
  }),
  predictProba: setting({
    flags: ["--predict-proba"],
    env: ["PREDICT_PROBA"],
    placeholder: "BOOL",
    parse: isTrue,
    fallback: false,
    summary: "true: classifiers of scikit-learn answer with probabilities",
    group: "KServe",
  }),
} as const;

export type SettingKey = keyof typeof settings;

/** The values of all settings. */
export type Settings = {
  readonly [Key in SettingKey]: (typeof settings)[Key] extends Setting<infer T> ? T : never;
};

/** The settings of `thaw serve` and what it is to serve. */
export interface ServeConfig {
  readonly settings: Settings;
  /** Keys that were set by flag or environment. */
  readonly given: ReadonlySet<SettingKey>;
  /** `NAME=URI`, or a path or URI alone. */
  readonly sources: readonly string[];
  /** Options of other servers that mean nothing here. */
  readonly ignored: readonly string[];
}
