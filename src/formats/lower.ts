import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Carriers } from "../domain/carrier.ts";
import { runElementsMax } from "../domain/limits.ts";
import type { Signature } from "../domain/model.ts";
import type { BakedGraph } from "./baked.ts";
import { familyOf } from "./family.ts";
import { type EditedGraph, writeEdited } from "./onnx/edited.ts";
import { type PlanOptions, planGraph } from "./onnx/plan.ts";
import { bakedFolder } from "./places.ts";
import type { Stage } from "./stages/stage.ts";

/** A model file in the form that the engine runs. */
export interface Lowered {
  readonly graph: LoweredGraph;
  readonly signature: Signature;
  /** How tensors travel that the engine cannot take as they are. */
  readonly carriers: Carriers;
  /** What is done before the graph. */
  readonly stages: readonly Stage[];
  /** How many rows are run at once at most, where rows are independent and may need much memory. */
  readonly rowsAtOnce: number;
  /** V2's `platform`. */
  readonly platform: string;
}

const noCarriers: Carriers = { inputs: new Map(), outputs: new Map() };

/** A file to be loaded as it is, or one that was made of it and is not needed after the load. */
export type LoweredGraph =
  | { readonly kind: "untouched"; readonly path: string }
  | EditedGraph
  | BakedGraph
  /** A graph of ours, a file where that can be: its numbers are the library's with one thread. */
  | { readonly kind: "converted"; readonly source: string | Uint8Array };

export interface LowerOptions extends PlanOptions {
  /** Whether what was baked of an ONNX file is taken. */
  readonly baked?: boolean;
}

/**
 * Any model file → an ONNX graph and its signature. A graph that has to be made or changed is
 * written into `folder`. Throws FormatError.
 */
export async function lower(
  modelPath: string,
  folder: string,
  { baked = true, ...options }: LowerOptions = {},
): Promise<Lowered> {
  const family = familyOf(modelPath);
  if (family !== "onnx") {
    const { converted } = await import("./kept.ts");
    const { source, conversion } = await converted(modelPath, family, folder);
    const { signature, platform, rowElements, stages } = conversion;
    return {
      graph: { kind: "converted", source },
      signature,
      carriers: noCarriers,
      stages,
      rowsAtOnce: Math.max(1, Math.floor(runElementsMax / rowElements)),
      platform,
    };
  }
  const { outline, signature, carriers, edits } = planGraph(modelPath, options);
  const graph: LoweredGraph =
    (baked ? await bakedOf(modelPath) : undefined) ??
    (edits.length === 0
      ? { kind: "untouched", path: modelPath }
      : writeEdited({ modelPath, outline, edits, folder }));
  const platform = "onnxruntime_onnx";
  const rowsAtOnce = Number.POSITIVE_INFINITY;
  return { graph, signature, carriers, stages: [], rowsAtOnce, platform };
}

/** What looks for it is imported where something was baked. */
async function bakedOf(modelPath: string): Promise<BakedGraph | undefined> {
  if (!existsSync(join(dirname(modelPath), bakedFolder))) return undefined;
  return (await import("./baked.ts")).bakedGraph(modelPath);
}
