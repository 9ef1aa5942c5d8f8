import { assert } from "vitest";
import type { Inputs } from "../../src/domain/request.ts";
import type { Tensor } from "../../src/domain/tensor.ts";

/** The inputs of a request that gives named and typed tensors. */
export function tensorInputs(...tensors: readonly Tensor[]): Inputs {
  return { kind: "tensors", tensors };
}

export function tensorsOf(inputs: Inputs): readonly Tensor[] {
  assert(inputs.kind === "tensors", "the inputs are tensors");
  return inputs.tensors;
}
