import { nearest } from "../domain/text.ts";
import { foreignFlags, withoutProgram } from "./foreign.ts";
import {
  type ServeConfig,
  type Setting,
  type SettingKey,
  type Settings,
  settings,
} from "./settings.ts";

/** Wrong settings, all of them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

interface GivenFlags {
  /** Text and the flag as it was written, by key; of duplicates the last. */
  readonly values: ReadonlyMap<SettingKey, { readonly text: string; readonly origin: string }>;
  readonly sources: readonly string[];
  /** Options of other servers that mean nothing here. */
  readonly ignored: readonly string[];
}

const rows = Object.entries(settings) as [SettingKey, Setting<unknown>][];
const keyOfFlag: ReadonlyMap<string, SettingKey> = new Map(
  rows.flatMap(([key, row]) => row.flags.map((flag) => [flag, key] as const)),
);

/**
 * Command line and environment → settings. A flag reads `--name value` or `--name=value`, with `-`
 * or `_` between words. Throws UsageError naming every problem.
 */
export function parseServe(argv: readonly string[], env: Environment): ServeConfig {
  const problems: string[] = [];
  const flags = readFlags(withoutProgram(argv), problems);
  const given = new Set<SettingKey>();
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const [key, row] of rows) {
    const found = flags.values.get(key) ?? fromEnvironment(row, env);
    values[key] = row.fallback;
    if (found === undefined) continue;
    given.add(key);
    const parsed = row.parse(found.text);
    if (parsed.ok) values[key] = parsed.value;
    else problems.push(`${found.origin}: expected ${parsed.expected}, got '${found.text}'`);
  }
  // A runtime of MLServer's that was given this image: its clients know MLServer's answers.
  if (!given.has("tabular") && (env["MLSERVER_MODEL_IMPLEMENTATION"] ?? "") !== "") {
    values.tabular = "mlserver";
  }
  const sources = allSources(flags.sources, values, env);
  if (problems.length > 0) throw new UsageError(problems);
  // Every key was filled from a row whose parser and fallback have the key's type.
  return { settings: values as Settings, given, sources, ignored: flags.ignored };
}

function readFlags(argv: readonly string[], problems: string[]): GivenFlags {
  const values = new Map<SettingKey, { text: string; origin: string }>();
  const sources: string[] = [];
  const ignored: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (!word.startsWith("-") || word === "-") {
      sources.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const flag = equals === -1 ? word : word.slice(0, equals);
    const plain = flag.replaceAll("_", "-").toLowerCase();
    const key = keyOfFlag.get(plain);
    if (key === undefined && foreignFlags.has(plain)) {
      ignored.push(flag);
      if (equals === -1 && argv[at + 1]?.startsWith("-") === false) at += 1;
      continue;
    }
    if (key === undefined) {
      problems.push(`unknown option ${flag}; did you mean ${nearestFlag(flag)}?`);
      // Its value, where it seems to have one, is no source.
      if (equals === -1 && argv[at + 1]?.startsWith("-") === false) at += 1;
      continue;
    }
    if (equals !== -1) {
      values.set(key, { text: word.slice(equals + 1), origin: flag });
      continue;
    }
    const { bare, parse } = rowOf(key);
    const following = argv[at + 1];
    if (bare !== undefined && (following === undefined || !parse(following).ok)) {
      values.set(key, { text: bare, origin: flag });
      continue;
    }
    at += 1;
    const text = argv[at];
    if (text === undefined) problems.push(`${flag} needs a value: ${settings[key].placeholder}`);
    else values.set(key, { text, origin: flag });
  }
  return { values, sources, ignored };
}

function rowOf(key: SettingKey): Setting<unknown> {
  return settings[key];
}

function fromEnvironment(row: Setting<unknown>, env: Environment) {
  for (const name of row.env) {
    const text = env[name];
    if (text !== undefined && text !== "") return { text, origin: `environment variable ${name}` };
  }
  return undefined;
}

/** Sources of the command line, else of THAW_SOURCES; `--model_dir` is one more. */
function allSources(
  words: readonly string[],
  values: Partial<Record<SettingKey, unknown>>,
  env: Environment,
): string[] {
  const fromEnv = (env["THAW_SOURCES"] ?? "").split(/\s+/).filter((word) => word !== "");
  const sources = words.length > 0 ? [...words] : fromEnv;
  // A runtime's arguments stand beside the operator's: a repository is meant instead of the folder.
  const alone = values.repository === undefined;
  if (alone && typeof values.modelDir === "string") sources.push(values.modelDir);
  return sources;
}

function nearestFlag(flag: string): string {
  const known = [...keyOfFlag.keys(), "--help", "--version"];
  return nearest(flag.replaceAll("_", "-"), known) ?? "--help";
}
