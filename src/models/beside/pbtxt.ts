import { type Datatype, isDatatype } from "../../domain/datatype.ts";
import { jsonDepthMax } from "../../domain/limits.ts";
import type { ConfigValue, ModelConfig } from "../../domain/model.ts";
import {
  parseTextProto,
  type TextMessage,
  TextProtoError,
  type TextValue,
} from "../../wire/text-proto.ts";
import {
  type DeclaredTensor,
  type ModelSettings,
  SettingsError,
  type VersionPolicy,
} from "../settings.ts";

/**
 * Triton's model configuration (`ModelConfig` of its model_config.proto): `config.pbtxt`, and the
 * JSON form of the same message that a load over the wire may bring.
 */

/** Throws SettingsError. */
export function readPbtxt(text: string): ModelSettings {
  try {
    return settingsOf(parseTextProto(text, jsonDepthMax));
  } catch (error) {
    if (!(error instanceof TextProtoError)) throw error;
    throw new SettingsError(`config.pbtxt: ${error.message}`);
  }
}

/** The JSON form: snake or camel case, 64-bit integers as strings. Throws SettingsError. */
export function readConfigJson(text: string): ModelSettings {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new SettingsError("config: expected a model configuration as JSON");
  }
  const message = jsonValue(parsed);
  if (message?.kind !== "message") throw new SettingsError("config: expected a JSON object");
  return settingsOf(message.fields);
}

/** Fields that are honoured, or can do nothing here. All others are named in a warning. */
const known = new Set([
  "name",
  "platform",
  "backend",
  "runtime",
  "version_policy",
  "max_batch_size",
  "input",
  "output",
  "instance_group",
  "default_model_filename",
  "dynamic_batching",
  "model_warmup",
  "parameters",
  "metric_tags",
]);

/** What cannot be served as it is meant; to pretend would be wrong answers. */
const refused: Readonly<Record<string, string>> = {
  sequence_batching: "sequences",
  ensemble_scheduling: "ensembles",
};

function settingsOf(fields: TextMessage): ModelSettings {
  for (const [field, what] of Object.entries(refused)) {
    if (fields.has(field)) throw new SettingsError(`${field}: ${what} are not supported`);
  }
  const rowsMax = integer(fields, "max_batch_size") ?? 0;
  if (rowsMax < 0) throw new SettingsError(`max_batch_size: expected 0 or more, got ${rowsMax}`);
  const modelFile = text(fields, "default_model_filename");
  const backend = text(fields, "backend") ?? text(fields, "platform");
  checkBackend(backend);
  const instances = instanceCount(fields);
  const warmUpRows = warmUpBatch(fields);
  const inputs = messages(fields, "input").map((one) => declared(one, "input"));
  const outputs = messages(fields, "output").map((one) => declared(one, "output"));
  return {
    versionPolicy: versionPolicy(fields),
    config: configJson(fields),
    ignored: ignored(fields),
    ...(modelFile === undefined ? {} : { modelFile }),
    ...(rowsMax === 0 ? {} : { rowsMax }),
    ...(instances === undefined ? {} : { instances }),
    ...(warmUpRows === undefined ? {} : { warmUpRows }),
    ...(inputs.length === 0 ? {} : { inputs }),
    ...(outputs.length === 0 ? {} : { outputs }),
  };
}

/** Backends whose models are served here, with the platform that stands for the first. */
const backends = new Set(["onnxruntime", "onnxruntime_onnx", "onnx", "onnxv1", "fil", "sklearn"]);

function checkBackend(backend: string | undefined): void {
  if (backend === undefined || backend === "" || backends.has(backend)) return;
  throw new SettingsError(
    `backend: expected one of ${[...backends].join(", ")}, got '${backend.slice(0, 100)}'`,
  );
}

/** Triton's default: the latest. */
function versionPolicy(fields: TextMessage): VersionPolicy {
  const [policy] = messages(fields, "version_policy");
  if (policy?.has("all") === true) return { kind: "all" };
  const [specific] = policy === undefined ? [] : messages(policy, "specific");
  if (specific !== undefined) {
    return { kind: "specific", versions: integers(specific, "versions") };
  }
  const [latest] = policy === undefined ? [] : messages(policy, "latest");
  const count = latest === undefined ? 1 : (integer(latest, "num_versions") ?? 1);
  if (count < 1) throw new SettingsError(`num_versions: expected 1 or more, got ${count}`);
  return { kind: "latest", count };
}

/** All groups together. */
function instanceCount(fields: TextMessage): number | undefined {
  const groups = messages(fields, "instance_group");
  if (groups.length === 0) return undefined;
  const counts = groups.map((group) => integer(group, "count") ?? 1);
  return Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

/** The largest batch that is to be warm. */
function warmUpBatch(fields: TextMessage): number | undefined {
  const samples = messages(fields, "model_warmup");
  if (samples.length === 0) return undefined;
  return Math.max(1, ...samples.map((sample) => integer(sample, "batch_size") ?? 1));
}

function declared(fields: TextMessage, side: string): DeclaredTensor {
  const name = text(fields, "name");
  if (name === undefined) throw new SettingsError(`${side}: expected a name`);
  const type = text(fields, "data_type");
  const datatype = type === undefined ? undefined : datatypeOf(type, `${side} '${name}'`);
  // What a client sends has `dims`; what the graph takes has the shape of `reshape`.
  const [reshape] = messages(fields, "reshape");
  if (reshape !== undefined) {
    throw new SettingsError(`${side} '${name}': reshape is not supported`);
  }
  const dims = fields.has("dims") ? integers(fields, "dims") : undefined;
  const wrong = dims?.find((dim) => dim < -1);
  if (wrong !== undefined) {
    throw new SettingsError(`${side} '${name}': expected dims of -1 or more, got ${wrong}`);
  }
  return {
    name,
    ...(datatype === undefined ? {} : { datatype }),
    ...(dims === undefined ? {} : { dims }),
  };
}

/** By their numbers in the message's definition. */
const datatypesByNumber: readonly (Datatype | undefined)[] = [
  undefined,
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
  "BF16",
];

function datatypeOf(type: string, where: string): Datatype | undefined {
  if (/^[0-9]+$/.test(type)) return datatypesByNumber[Number(type)];
  const name = type.replace(/^TYPE_/, "");
  if (name === "INVALID") return undefined;
  const datatype = name === "STRING" ? "BYTES" : name;
  if (isDatatype(datatype)) return datatype;
  throw new SettingsError(`${where}: expected a data_type such as TYPE_FP32, got '${type}'`);
}

/** There are none; its model runs on the CPU. */
const kindGpu = "KIND_GPU";

function ignored(fields: TextMessage): readonly string[] {
  const unknown = [...fields.keys()].filter((name) => !known.has(name));
  const nested = messages(fields, "dynamic_batching").flatMap((batching) =>
    [...batching.keys()].map((name) => `dynamic_batching.${name}`),
  );
  const gpus = messages(fields, "instance_group").some((group) => text(group, "kind") === kindGpu);
  return [...unknown, ...nested, ...(gpus ? [`instance_group.kind ${kindGpu}`] : [])];
}

function single(fields: TextMessage, name: string): string | undefined {
  const values = fields.get(name);
  const last = values?.at(-1);
  if (last === undefined) return undefined;
  if (last.kind === "message") throw new SettingsError(`${name}: expected a value, got a message`);
  return last.text;
}

function text(fields: TextMessage, name: string): string | undefined {
  return single(fields, name);
}

function integer(fields: TextMessage, name: string): number | undefined {
  const given = single(fields, name);
  return given === undefined ? undefined : toInteger(given, name);
}

function integers(fields: TextMessage, name: string): number[] {
  return (fields.get(name) ?? []).map((value) => {
    if (value.kind === "message") throw new SettingsError(`${name}: expected integers`);
    return toInteger(value.text, name);
  });
}

function toInteger(given: string, name: string): number {
  const value = /^-?(0x[0-9a-fA-F]+|[0-9]+)$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new SettingsError(`${name}: expected an integer, got '${given.slice(0, 100)}'`);
}

function messages(fields: TextMessage, name: string): readonly TextMessage[] {
  return (fields.get(name) ?? []).map((value) => {
    if (value.kind === "message") return value.fields;
    throw new SettingsError(`${name}: expected a message, got '${value.text.slice(0, 100)}'`);
  });
}

/** Fields that are lists in the message's definition, so that one value is a list as well. */
const repeated = new Set([
  "input",
  "output",
  "dims",
  "versions",
  "instance_group",
  "gpus",
  "model_warmup",
  "preferred_batch_size",
  "batch_input",
  "batch_output",
]);
/** Fields that are maps: in text one entry {key, value} each, in JSON an object. */
const maps = new Set(["parameters", "metric_tags", "inputs", "cc_model_filenames"]);
const words: Readonly<Record<string, boolean>> = { true: true, false: false };

/** The message in JSON, as it was written. */
function configJson(fields: TextMessage): ModelConfig {
  const entries = [...fields].map(([name, values]): [string, ConfigValue] => {
    if (maps.has(name)) return [name, mapJson(values)];
    const converted = values.map(valueJson);
    const [only] = converted;
    const list = repeated.has(name) || converted.length !== 1 || only === undefined;
    return [name, list ? converted : only];
  });
  return Object.fromEntries(entries);
}

function mapJson(values: readonly TextValue[]): ModelConfig {
  const entries = values.flatMap((value): [string, ConfigValue][] => {
    if (value.kind !== "message") return [];
    const [held] = value.fields.get("value") ?? [];
    return [[text(value.fields, "key") ?? "", held === undefined ? "" : valueJson(held)]];
  });
  return Object.fromEntries(entries);
}

function valueJson(value: TextValue): ConfigValue {
  if (value.kind === "message") return configJson(value.fields);
  if (value.kind === "string") return value.text;
  const number = Number(value.text);
  return words[value.text] ?? (Number.isNaN(number) ? value.text : number);
}

/** A JSON value in the terms of the text form. */
function jsonValue(value: unknown): TextValue | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return { kind: "string", text: value };
  if (Array.isArray(value)) throw new SettingsError("config: expected no list here");
  if (typeof value !== "object") return { kind: "word", text: String(value) };
  const entries = Object.entries(value);
  return { kind: "message", fields: new Map(entries.flatMap(([key, of]) => jsonField(key, of))) };
}

function jsonField(key: string, value: unknown): [string, TextValue[]][] {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const isMap = maps.has(name) && typeof value === "object" && value !== null;
  const items: unknown[] = isMap
    ? Object.entries(value).map(([entry, held]) => ({ key: entry, value: held }))
    : Array.isArray(value)
      ? value
      : [value];
  const values = items.map(jsonValue);
  return [[name, values.filter((one) => one !== undefined)]];
}
