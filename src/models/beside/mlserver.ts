import { type Datatype, isDatatype } from "../../domain/datatype.ts";
import { type DeclaredTensor, type ModelSettings, SettingsError } from "../settings.ts";

/**
 * MLServer's `model-settings.json` (its `ModelSettings`): name, version, file and platform. What
 * its runtimes would do with the rest has no meaning here.
 */

export interface MlserverSettings extends ModelSettings {
  /** `parameters.version` where it is a positive integer, with or without a `v`. */
  readonly version?: number;
}

const understood = new Set([
  "name",
  "implementation",
  "platform",
  "versions",
  "inputs",
  "outputs",
  "parameters",
  "max_batch_size",
  "max_batch_time",
  "parallel_workers",
  "warm_workers",
  "cache_enabled",
]);

/** Throws SettingsError. */
export function readMlserver(text: string): MlserverSettings {
  const fields = object(parse(text), "model-settings.json: expected an object");
  const parameters =
    fields["parameters"] === undefined
      ? {}
      : object(fields["parameters"], "model-settings.json: parameters: expected an object");
  const name = textOf(fields, "name");
  const platform = textOf(fields, "platform");
  const given = textOf(parameters, "version");
  const version = versionOf(given);
  const modelFile = textOf(parameters, "uri")?.replace(/^\.\//, "");
  const inputs = tensors(fields["inputs"]);
  const outputs = tensors(fields["outputs"]);
  const ignored = Object.keys(fields).filter((key) => !understood.has(key));
  // Versions are numbers here.
  if (given !== undefined && version === undefined) ignored.push(`parameters.version ${given}`);
  return {
    ignored,
    ...(name === undefined ? {} : { name }),
    ...(platform === undefined || platform === "" ? {} : { platform }),
    ...(version === undefined ? {} : { version }),
    ...(modelFile === undefined || modelFile === "" ? {} : { modelFile }),
    ...(inputs.length === 0 ? {} : { inputs }),
    ...(outputs.length === 0 ? {} : { outputs }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new SettingsError(`model-settings.json: expected JSON: ${problem}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown, problem: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    // An object of JSON has string keys.
    return value as Fields;
  }
  throw new SettingsError(problem);
}

function textOf(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new SettingsError(`model-settings.json: ${key}: expected a text`);
}

function versionOf(text: string | undefined): number | undefined {
  const digits = /^v?([1-9][0-9]{0,14})$/.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Of a tensor only what a graph has, too: MLServer does not check the rest either. */
function tensors(value: unknown): DeclaredTensor[] {
  if (!Array.isArray(value)) return [];
  return value.map((one: unknown) => {
    const fields = object(one, "model-settings.json: inputs, outputs: expected objects");
    const name = textOf(fields, "name");
    if (name === undefined) throw new SettingsError("model-settings.json: a tensor has no name");
    const datatype = datatypeOf(textOf(fields, "datatype"));
    return { name, ...(datatype === undefined ? {} : { datatype }) };
  });
}

function datatypeOf(text: string | undefined): Datatype | undefined {
  return text !== undefined && isDatatype(text) ? text : undefined;
}
