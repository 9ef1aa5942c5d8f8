import { batchRowsMax } from "../../domain/limits.ts";
import { nearest } from "../../domain/text.ts";
import { type ModelSettings, SettingsError, type VersionPolicy } from "../settings.ts";

/** `thaw.json`: a model's settings in the server's own words. */

type Check = (value: unknown) => Partial<ModelSettings> | undefined;

interface Key {
  readonly expected: string;
  /** The setting, or `undefined` where the value is none. */
  readonly read: Check;
}

const keys: Readonly<Record<string, Key>> = {
  name: texts("name", "a model's name"),
  platform: texts("platform", "a text"),
  version_policy: {
    expected: '"all", {"latest": 2} or {"specific": [1, 3]}',
    read: (value) => {
      const versionPolicy = policyOf(value);
      return versionPolicy === undefined ? undefined : { versionPolicy };
    },
  },
  max_batch_size: {
    expected: `an integer from 0 to ${batchRowsMax}`,
    read: (value) => {
      if (!isInteger(value, 0, batchRowsMax)) return undefined;
      return value === 0 ? {} : { rowsMax: value };
    },
  },
  batching: choice("batching", ["auto", "off"]),
  instances: integers("instances", 1, 256),
  threads: integers("threads", 1, 256),
  tabular: choice("tabular", ["kserve", "mlserver"]),
  predict: choice("predict", ["labels", "proba"]),
  labels: texts("labels", "a file beside the model"),
  warmup: {
    expected: `true, false, or a batch size up to ${batchRowsMax}`,
    read: (value) => {
      if (typeof value === "boolean") return { warmUpRows: value ? 1 : 0 };
      return isInteger(value, 1, batchRowsMax) ? { warmUpRows: value } : undefined;
    },
  },
  pin: {
    expected: "true or false",
    read: (value) => (typeof value === "boolean" ? { pinned: value } : undefined),
  },
  load: choice("load", ["eager", "lazy"]),
  file: texts("modelFile", "the model's file in its folder"),
};

/** Throws SettingsError, which names the nearest known key where one is unknown. */
export function readThawJson(text: string): ModelSettings {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new SettingsError(`thaw.json: expected JSON: ${problem}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new SettingsError("thaw.json: expected an object");
  }
  let settings: ModelSettings = {};
  for (const [name, value] of Object.entries(parsed)) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined) {
      const meant = nearest(name, Object.keys(keys));
      throw new SettingsError(`thaw.json: unknown key '${name}'; did you mean '${meant}'?`);
    }
    const read = key.read(value);
    if (read === undefined) {
      const got = JSON.stringify(value).slice(0, 100);
      throw new SettingsError(`thaw.json: ${name}: expected ${key.expected}, got ${got}`);
    }
    settings = { ...settings, ...read };
  }
  return settings;
}

function texts(field: "name" | "platform" | "labels" | "modelFile", expected: string): Key {
  return {
    expected,
    read: (value) => (typeof value === "string" && value !== "" ? { [field]: value } : undefined),
  };
}

function choice(
  field: "batching" | "tabular" | "predict" | "load",
  choices: readonly string[],
): Key {
  return {
    expected: choices.map((one) => `"${one}"`).join(" or "),
    read: (value) => {
      const chosen = choices.find((one) => one === value);
      return chosen === undefined ? undefined : { [field]: chosen };
    },
  };
}

function integers(field: "instances" | "threads", min: number, max: number): Key {
  return {
    expected: `an integer from ${min} to ${max}`,
    read: (value) => (isInteger(value, min, max) ? { [field]: value } : undefined),
  };
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

function policyOf(value: unknown): VersionPolicy | undefined {
  if (value === "all") return { kind: "all" };
  if (typeof value !== "object" || value === null) return undefined;
  const [[kind, given] = [], ...more] = Object.entries(value);
  if (more.length > 0) return undefined;
  if (kind === "latest" && isInteger(given, 1, Number.MAX_SAFE_INTEGER)) {
    return { kind: "latest", count: given };
  }
  const listed: readonly unknown[] = kind === "specific" && Array.isArray(given) ? given : [];
  const versions = listed.filter((one) => isInteger(one, 1, Number.MAX_SAFE_INTEGER));
  const all = versions.length > 0 && versions.length === listed.length;
  return all ? { kind: "specific", versions } : undefined;
}
