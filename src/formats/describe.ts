import { readFile } from "node:fs/promises";
import type { Signature } from "../domain/model.ts";
import { convert } from "./convert.ts";
import { type Family, familyOf } from "./family.ts";
import { planGraph } from "./onnx/plan.ts";

/** What a model file is, for people. */
export interface Description {
  readonly family: Family;
  readonly platform: string;
  readonly signature: Signature;
  /** The model's parts, a line each. */
  readonly outline: readonly string[];
  /** What a worker does around the graph, a line each. */
  readonly stages: readonly string[];
}

/** Throws FormatError. */
export async function describe(path: string): Promise<Description> {
  const family = familyOf(path);
  if (family === "onnx") {
    const { signature, edits } = planGraph(path);
    const stages = edits.length === 0 ? [] : ["the graph is repaired when it is loaded"];
    return { family, platform: "onnxruntime_onnx", signature, outline: [], stages };
  }
  const { signature, platform, stages } = await convert(path, family);
  return {
    family,
    platform,
    signature,
    outline: await outlineOf(path, family),
    stages: stages.map(({ kind }) => stageTexts[kind]),
  };
}

const stageTexts = {
  vectorize: "text is taken apart into terms before the graph",
  known: "unknown categories are refused before the graph",
};

async function outlineOf(path: string, family: Family): Promise<readonly string[]> {
  if (family !== "pickle") return [];
  const { readPickle } = await import("./pickle/read.ts");
  const { outlineOf: lines } = await import("./sklearn/outline.ts");
  return lines(await readPickle(await readFile(path)));
}
