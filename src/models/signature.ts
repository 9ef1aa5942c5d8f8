import type { Signature, TabularSignature } from "../domain/model.ts";
import type { TensorSpec } from "../domain/tensor.ts";
import type { DeclaredTensor, ModelSettings } from "./settings.ts";

/** Holds what a configuration declares against what the graph takes and gives. */

export type Fitted =
  | { readonly kind: "fits"; readonly signature: Signature }
  /** For the operator. */
  | { readonly kind: "misfit"; readonly reason: string };

/**
 * The signature as the configuration narrows it: a free dimension may be fixed, a datatype must be
 * the graph's. With Triton's `max_batch_size` above 0 the first dimension is the batch, which
 * `dims` leave out.
 */
export function fitSignature(
  signature: Signature,
  settings: ModelSettings,
  usual: TabularHabits = {},
): Fitted {
  if (signature.kind !== "fixed") {
    return { kind: "fits", signature: inHabit(signature, { ...usual, ...settings }) };
  }
  const batched = settings.rowsMax !== undefined;
  try {
    const inputs = fitAll("input", signature.inputs, settings.inputs, batched);
    const outputs = fitAll("output", signature.outputs, settings.outputs, batched);
    return { kind: "fits", signature: { ...signature, inputs, outputs } };
  } catch (error) {
    if (!(error instanceof MisfitError)) throw error;
    return { kind: "misfit", reason: `its configuration does not fit: ${error.message}` };
  }
}

/** How models of tables answer, where they are not told otherwise. */
export type TabularHabits = Pick<ModelSettings, "tabular" | "predict">;

/** Whose names and shapes answers have, and whether classifiers say labels or probabilities. */
function inHabit(
  signature: TabularSignature,
  { tabular = signature.style, predict }: TabularHabits,
): TabularSignature {
  const proba = signature.methods.some(({ name }) => name === "predict_proba");
  const method = predict === "proba" && proba ? "predict_proba" : signature.method;
  return { ...signature, style: tabular, method };
}

class MisfitError extends Error {}

type Side = "input" | "output";

function fitAll(
  side: Side,
  specs: readonly TensorSpec[],
  declared: readonly DeclaredTensor[] | undefined,
  batched: boolean,
): readonly TensorSpec[] {
  const known = new Set(specs.map(({ name }) => name));
  const stranger = declared?.find(({ name }) => !known.has(name));
  if (stranger !== undefined) {
    throw new MisfitError(
      `it declares the ${side} '${stranger.name}', but the model has ${[...known].join(", ")}`,
    );
  }
  const fitted = specs.map((spec) => {
    const own = declared?.find(({ name }) => name === spec.name);
    return fitOne(side, spec, own, batched);
  });
  if (declared === undefined || declared.length === 0) return fitted;
  if (side === "output") {
    // Outputs that are not declared are not offered.
    return fitted.filter(({ name }) => declared.some((one) => one.name === name));
  }
  const missing = fitted.find(({ name }) => !declared.some((one) => one.name === name));
  if (missing === undefined) return fitted;
  throw new MisfitError(`the model has the input '${missing.name}', which it does not declare`);
}

function fitOne(
  side: Side,
  spec: TensorSpec,
  declared: DeclaredTensor | undefined,
  batched: boolean,
): TensorSpec {
  if (declared?.datatype !== undefined && declared.datatype !== spec.datatype) {
    throw new MisfitError(
      `the ${side} '${spec.name}' is ${spec.datatype}, but it is declared as ${declared.datatype}`,
    );
  }
  if (batched && spec.shape !== null && spec.shape[0] !== -1) {
    throw new MisfitError(
      `max_batch_size is above 0, but the ${side} '${spec.name}' has the shape ` +
        `[${spec.shape.join(",")}], whose first dimension is not free`,
    );
  }
  if (declared?.dims === undefined) return spec;
  const shape = batched ? [-1, ...declared.dims] : declared.dims;
  if (spec.shape === null) return { ...spec, shape };
  const { shape: own } = spec;
  const agree =
    own.length === shape.length &&
    own.every((dim, axis) => dim === -1 || shape[axis] === -1 || dim === shape[axis]);
  if (!agree) {
    throw new MisfitError(
      `the ${side} '${spec.name}' has the shape [${own.join(",")}], but it is declared as ` +
        `[${shape.join(",")}]${batched ? ", the batch with it" : ""}`,
    );
  }
  return { ...spec, shape: own.map((dim, axis) => (dim === -1 ? (shape[axis] ?? -1) : dim)) };
}
