import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FormatError } from "../formats/error.ts";
import { familyOf } from "../formats/family.ts";
import { bakedFolder, converted } from "../formats/kept.ts";
import { ArgumentError, oneFile } from "./arguments.ts";

export const bakeUsage = "Usage: thaw bake FOLDER";

const suffixes = /\.(joblib|pkl|pickle|bst|ubj|model|json|txt)$/i;
const never = /^(thaw|settings|model-settings|config|.*_config|tokenizer|metadata)\.json$/i;

/**
 * `thaw bake`: converts the models of a folder and keeps the graphs beside them, in `.thaw`, when
 * an image is built or a folder is uploaded. A server uses what fits the content of the model that
 * it finds, and nothing else. Throws ArgumentError, FormatError.
 */
export async function bake(argv: readonly string[]): Promise<string> {
  const { file: root } = oneFile(argv, {}, bakeUsage);
  const names = await readdir(root, { recursive: true }).catch((error: Error) => {
    throw new ArgumentError(`${error.message}\n${bakeUsage}`);
  });
  const files = names
    .filter((name) => suffixes.test(name) && !never.test(basename(name)))
    .filter((name) => !name.includes(bakedFolder))
    .sort();
  // Of older contents, or by an older converter.
  for (const folder of new Set(files.map((name) => join(root, dirname(name), bakedFolder)))) {
    await rm(folder, { recursive: true, force: true });
  }
  const lines: string[] = [];
  for (const name of files) {
    const line = await bakeOne(join(root, name), name);
    if (line !== undefined) lines.push(line);
  }
  if (lines.length > 0) return `${lines.join("\n")}\n`;
  return "nothing to bake: ONNX graphs are served as they are\n";
}

async function bakeOne(path: string, name: string): Promise<string | undefined> {
  const family = familyOf(path);
  if (family === "onnx") return undefined;
  const own = join(dirname(path), bakedFolder);
  try {
    const { conversion, source } = await converted(path, family, own);
    if (typeof source !== "string") throw new ArgumentError(`${own} cannot be written to`);
    return `${name}: ${conversion.signature.estimator}, ready to be served`;
  } catch (error) {
    // A text or JSON file that is no model.
    if (error instanceof FormatError && /\.(json|txt)$/i.test(path)) return undefined;
    if (error instanceof FormatError) throw new FormatError(`${name}: ${error.message}`);
    throw error;
  }
}
