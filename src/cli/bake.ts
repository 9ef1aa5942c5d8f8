import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { bakedGraphNames, isBakeable } from "../formats/baked.ts";
import { FormatError } from "../formats/error.ts";
import { familyOf } from "../formats/family.ts";
import { converted, digestOf } from "../formats/kept.ts";
import { lower } from "../formats/lower.ts";
import { externalFiles } from "../formats/onnx/external.ts";
import { bakedFolder } from "../formats/places.ts";
import { Graph } from "../runtime/graph.ts";
import { createSession } from "../runtime/session.ts";
import { judgeRows } from "../runtime/verdict.ts";
import { ArgumentError, oneFile } from "./arguments.ts";

export const bakeUsage = "Usage: thaw bake FOLDER";

const suffixes = /\.(onnx|joblib|pkl|pickle|bst|ubj|model|json|txt)$/i;
const never = /^(thaw|settings|model-settings|config|.*_config|tokenizer|metadata)\.json$/i;

/**
 * `thaw bake`: converts the models of a folder, has graphs optimised, and keeps what comes of it
 * beside them, in `.thaw`, when an image is built or a folder is uploaded. A server uses what fits
 * the content of the model that it finds, and nothing else. Throws ArgumentError, FormatError.
 */
export async function bake(argv: readonly string[]): Promise<string> {
  const { file: root } = oneFile(argv, {}, bakeUsage);
  const names = await readdir(root, { recursive: true }).catch((error: Error) => {
    throw new ArgumentError(`${error.message}\n${bakeUsage}`);
  });
  const files = names
    .filter((name) => suffixes.test(name) && !never.test(basename(name)))
    .filter((name) => !name.split("/").includes(bakedFolder))
    .sort();
  // Of older contents, or by an older converter.
  for (const folder of new Set(files.map((name) => join(root, dirname(name), bakedFolder)))) {
    await rm(folder, { recursive: true, force: true });
  }
  const lines: string[] = [];
  for (const name of files) {
    const line = await bakeOne(join(root, name), name);
    if (line !== undefined) lines.push(`${name}: ${line}`);
  }
  return lines.length > 0 ? `${lines.join("\n")}\n` : "nothing to bake: no model was found\n";
}

/** What was done with a file; `undefined` where it is no model. */
async function bakeOne(path: string, name: string): Promise<string | undefined> {
  try {
    const family = familyOf(path);
    if (family === "onnx") return await bakeGraph(path);
    const own = join(dirname(path), bakedFolder);
    const { conversion, source } = await converted(path, family, own);
    if (typeof source !== "string") throw new ArgumentError(`${own} cannot be written to`);
    // Whoever serves the folder reads it.
    for (const one of ["", "converted"]) await chmod(join(own, one), 0o755);
    for (const one of await readdir(join(own, "converted"))) {
      await chmod(join(own, "converted", one), 0o644);
    }
    return `${conversion.signature.estimator}, ready to be served`;
  } catch (error) {
    // A text or JSON file that is no model.
    if (error instanceof FormatError && /\.(json|txt)$/i.test(path)) return undefined;
    if (error instanceof FormatError) throw new FormatError(`${name}: ${error.message}`);
    throw error;
  }
}

async function bakeGraph(path: string): Promise<string> {
  if (!isBakeable(path)) return "served as it is: too large for this to save time";
  // Those may change while the file stays the same.
  if (externalFiles(path).length > 0) return "served as it is: its weights are in other files";
  const lowered = await lower(path, tmpdir(), { baked: false });
  const { graph } = lowered;
  if (graph.kind !== "untouched" && graph.kind !== "edited") return "served as it is";
  const source = graph.kind === "edited" ? graph.source : graph.path;
  const names = bakedGraphNames(digestOf(path));
  const target = join(dirname(path), names.graph);
  await mkdir(dirname(target), { recursive: true });
  try {
    // Fusions of any CPU; what suits one CPU is done where it runs.
    const weightsFolder = graph.kind === "edited" ? { weightsFolder: graph.weightsFolder } : {};
    const session = await createSession({
      source,
      ...weightsFolder,
      threads: 1,
      optimized: target,
    });
    const judged = new Graph(session, lowered.carriers, undefined);
    const verdict = await judgeRows(judged, judged.completed(lowered.signature));
    await judged.release();
    await writeFile(join(dirname(path), names.facts), JSON.stringify({ verdict }));
    return `optimised, ${verdict.kind}`;
  } catch (error) {
    await rm(target, { force: true });
    throw new FormatError(error instanceof Error ? error.message : String(error));
  } finally {
    if (graph.kind === "edited" && typeof source === "string") await rm(source, { force: true });
  }
}
