import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { bakedGraphBytesMax } from "../domain/limits.ts";
import type { Verdict } from "../domain/model.ts";
import { digestOf } from "./kept.ts";
import { bakedFolder } from "./places.ts";

/** An ONNX file's graph as ONNX Runtime had optimised it, and whether its rows are independent. */
export interface BakedGraph {
  readonly kind: "baked";
  readonly path: string;
  readonly verdict: Verdict;
}

/** Of what `thaw bake` writes, and of the ONNX Runtime that wrote it. */
export const bakedGraphVersion = "1-ort-1.30.0";

/** What was baked of a content, named from the model's folder. */
export interface BakedGraphNames {
  readonly graph: string;
  /** What is known of it. */
  readonly facts: string;
}

export function bakedGraphNames(digest: string): BakedGraphNames {
  const name = `${bakedFolder}/graphs/${digest}-${bakedGraphVersion}`;
  return { graph: `${name}.onnx`, facts: `${name}.json` };
}

/** Whether a graph is baked: of a large file the digest takes longer than a session saves. */
export function isBakeable(modelPath: string): boolean {
  return statSync(modelPath).size <= bakedGraphBytesMax;
}

/** What was baked of this very content; `undefined` where nothing was, or by another version. */
export function bakedGraph(modelPath: string): BakedGraph | undefined {
  const folder = dirname(modelPath);
  if (!existsSync(join(folder, bakedFolder, "graphs")) || !isBakeable(modelPath)) return undefined;
  const { graph, facts } = bakedGraphNames(digestOf(modelPath));
  try {
    // What stands there under this name was written by this version.
    const { verdict } = JSON.parse(readFileSync(join(folder, facts), "utf8"));
    const path = join(folder, graph);
    return statSync(path).size > 0 ? { kind: "baked", path, verdict } : undefined;
  } catch {
    return undefined;
  }
}
