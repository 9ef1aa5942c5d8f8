import { parse, YAMLParseError } from "yaml";
import { type ModelSettings, SettingsError } from "../settings.ts";

/**
 * MLflow's `MLmodel` (its model format's page): which file a flavour keeps its model in. The file
 * is imported only where there is one: it brings a YAML parser.
 */

/** The flavours whose files can be read, in the order in which they are preferred. */
const flavours: Readonly<Record<string, { readonly key: string; readonly usual: string }>> = {
  onnx: { key: "data", usual: "model.onnx" },
  sklearn: { key: "pickled_model", usual: "model.pkl" },
  xgboost: { key: "data", usual: "model.xgb" },
  lightgbm: { key: "data", usual: "model.lgb" },
};

/** Throws SettingsError. */
export function readMlmodel(text: string): ModelSettings {
  let parsed: unknown;
  try {
    // No tags, no merges, and aliases within bounds.
    parsed = parse(text, { schema: "core", maxAliasCount: 100, logLevel: "error" });
  } catch (error) {
    if (!(error instanceof YAMLParseError || error instanceof ReferenceError)) throw error;
    throw new SettingsError(`MLmodel: expected YAML: ${error.message.split("\n")[0]}`);
  }
  const given = member(parsed, "flavors");
  for (const [name, { key, usual }] of Object.entries(flavours)) {
    const flavour = member(given, name);
    if (flavour === undefined) continue;
    const file = member(flavour, key);
    return { modelFile: typeof file === "string" ? file : usual };
  }
  const found = typeof given === "object" && given !== null ? Object.keys(given) : [];
  throw new SettingsError(
    `MLmodel: expected one of the flavours ${Object.keys(flavours).join(", ")}, got ` +
      (found.length === 0 ? "none" : found.slice(0, 10).join(", ")),
  );
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}
