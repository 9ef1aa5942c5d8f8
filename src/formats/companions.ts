import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { bakedGraphNames, isBakeable } from "./baked.ts";
import { FormatError } from "./error.ts";
import { familyOf } from "./family.ts";
import { bakedNames } from "./kept.ts";
import { externalFiles } from "./onnx/external.ts";

/**
 * The files that a model file needs beside it, named from its folder, whether they are there or
 * not. None where the file cannot be understood: who loads it says why.
 */
export async function companionsOf(path: string): Promise<readonly string[]> {
  try {
    if (familyOf(path) !== "onnx") return bakedNames(await digest(path));
    const baked = isBakeable(path) ? Object.values(bakedGraphNames(await digest(path))) : [];
    return [...externalFiles(path), ...baked];
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
}

/** As `digestOf`, with turns for others in between. */
async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
