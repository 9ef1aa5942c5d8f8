import { FormatError } from "../formats/error.ts";
import { familyOf } from "../formats/family.ts";
import { converted } from "../formats/kept.ts";

/**
 * A loader thread's entry: makes the graph of a model file that is none and keeps it in `folder`,
 * where slots find it. ONNX Runtime is not loaded here.
 */

export interface ConversionTask {
  readonly modelPath: string;
  readonly folder: string;
}

/** Why the file cannot be converted; `undefined` where it was, or needs not be. */
export async function perform({ modelPath, folder }: ConversionTask): Promise<string | undefined> {
  try {
    const family = familyOf(modelPath);
    if (family !== "onnx") await converted(modelPath, family, folder);
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}
