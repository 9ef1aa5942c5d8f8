import { configBytesMax } from "../../domain/limits.ts";
import { type SourceFile, settingsFiles } from "../layout.ts";
import { type ModelSettings, SettingsError } from "../settings.ts";
import { type ReadText, systemProblem } from "../sources.ts";
import { type MlserverSettings, readMlserver } from "./mlserver.ts";
import { readPbtxt } from "./pbtxt.ts";
import { readThawJson } from "./thaw-json.ts";

/** Settings of a model, and the version that stands for one without a version folder. */
export type BesideSettings = ModelSettings & Pick<MlserverSettings, "version">;

/**
 * What the files in a model's folder say of it; of two that say the same thing the one of thaw wins
 * over Triton's, and that over MLServer's and MLflow's. Throws SettingsError.
 */
export async function readSettings(
  folder: string,
  files: readonly SourceFile[],
  read: ReadText,
): Promise<BesideSettings> {
  const found = settingsFiles.filter((name) => files.some(({ path }) => path === name));
  let settings: BesideSettings = {};
  for (const name of found.reverse()) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const text = await textOf(path, read);
    settings = { ...settings, ...(await parse(name, text)) };
  }
  return settings;
}

async function textOf(path: string, read: ReadText): Promise<string> {
  try {
    return await read(path, configBytesMax);
  } catch (error) {
    throw new SettingsError(`${path} cannot be read: ${systemProblem(error)}`);
  }
}

async function parse(name: string, text: string): Promise<BesideSettings> {
  switch (name) {
    case "config.pbtxt":
      return readPbtxt(text);
    case "model-settings.json":
      return readMlserver(text);
    case "MLmodel":
      return (await import("./mlflow.ts")).readMlmodel(text);
    default:
      return readThawJson(text);
  }
}
