import type { Carriers } from "../domain/carrier.ts";
import type { Signature } from "../domain/model.ts";
import { type EditedGraph, writeEdited } from "./onnx/edited.ts";
import { type PlanOptions, planGraph } from "./onnx/plan.ts";

/** A model file in the form that the engine runs. */
export interface Lowered {
  readonly graph: LoweredGraph;
  readonly signature: Signature;
  /** How tensors travel that the engine cannot take as they are. */
  readonly carriers: Carriers;
  /** V2's `platform`. */
  readonly platform: string;
}

/** A file to be loaded as it is, or one that was made of it and is not needed after the load. */
export type LoweredGraph = { readonly kind: "untouched"; readonly path: string } | EditedGraph;

/**
 * Any model file → an ONNX graph and its signature. A graph that has to be changed is written into
 * `folder`. Throws FormatError.
 */
export function lower(modelPath: string, folder: string, options: PlanOptions = {}): Lowered {
  const { outline, signature, carriers, edits } = planGraph(modelPath, options);
  const graph: LoweredGraph =
    edits.length === 0
      ? { kind: "untouched", path: modelPath }
      : writeEdited({ modelPath, outline, edits, folder });
  return { graph, signature, carriers, platform: "onnxruntime_onnx" };
}
