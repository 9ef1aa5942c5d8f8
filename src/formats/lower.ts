import type { Signature } from "../domain/model.ts";
import { readSignature } from "./onnx/signature.ts";

/** A model file in the form that the engine runs. */
export interface Lowered {
  readonly graphPath: string;
  readonly signature: Signature;
  /** V2's `platform`. */
  readonly platform: string;
}

/** Any model file → an ONNX graph and its signature. Throws FormatError. */
export function lower(modelPath: string): Lowered {
  return {
    graphPath: modelPath,
    signature: readSignature(modelPath),
    platform: "onnxruntime_onnx",
  };
}
