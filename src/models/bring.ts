import { dirname, join, normalize } from "node:path";
import type { Brought, PlannedVersion } from "./plan.ts";
import type { FoundSource } from "./sources.ts";

/**
 * What a model file needs beside it, named from its folder: the weights that an ONNX file has put
 * elsewhere, what was baked of any other. Read from the file itself.
 */
export type Companions = (modelPath: string) => Promise<readonly string[]>;

/** Where a model file is, and how it comes here with what belongs to it, and nothing else. */
export function whereabouts(
  { root, files, fetch }: FoundSource,
  path: string,
  companions: Companions,
): Pick<PlannedVersion, "modelPath" | "bring"> {
  if (fetch === undefined) return { modelPath: join(root, path) };
  const folder = dirname(path);
  const others = files
    .map((file) => file.path)
    .filter((one) => one !== path && (folder === "." || one.startsWith(`${folder}/`)));
  // Most models are one file: nothing has to be read to know it.
  const lone = others.every((one) => neverNeeded.test(one));
  const bring = async (): Promise<Brought> => {
    const alone = await fetch([path]);
    try {
      const modelPath = join(alone.folder, path);
      const named = lone ? [] : await companions(modelPath);
      const wanted = new Set(named.map((name) => normalize(join(folder, name))));
      const needed = others.filter((one) => wanted.has(one));
      if (needed.length === 0) return { modelPath, release: () => alone.release() };
      const whole = await fetch([path, ...needed]);
      await alone.release();
      return { modelPath: join(whole.folder, path), release: () => whole.release() };
    } catch (error) {
      await alone.release();
      throw error;
    }
  };
  return { modelPath: path, bring };
}

/** What repositories hold beside models that are one file. */
const neverNeeded =
  /\.(onnx|md|txt|safetensors|h5|msgpack|ot|tflite|gguf|pt|pth|png|jpe?g|py|ya?ml)$/i;
