import { ServingError } from "../domain/error.ts";
import { conformElements, stringElementsMax } from "../domain/limits.ts";
import type { LoadedModel, Signature } from "../domain/model.ts";
import { type InferRequest, type Inputs, isNamed } from "../domain/request.ts";
import { elementsIn } from "../domain/tensor.ts";
import { checkBatchSize } from "./batch-size.ts";
import type { Conformed } from "./conform/conformed.ts";
import { conformFixed, conformTensors } from "./conform/fixed.ts";
import { conformTabular } from "./conform/tabular.ts";

/**
 * Puts a request into its model's terms, whatever the form of its inputs: names, datatypes, ranks
 * and dimensions. The only place that judges a request by its model, and that makes tensors of what
 * came as none. Throws `invalid-request`, and `too-large` for too many strings.
 */
export function conform(request: InferRequest, model: LoadedModel): Conformed {
  const { inputs } = request;
  const { name, signature } = model;
  if (inputs.kind === "tensors" && signature.kind === "fixed") {
    return checked(conformTensors(request, inputs.tensors, signature, name), model);
  }
  const work = conformInTurns(request, model);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** As `conform`; yields where others are to have their turn. */
export function* conformInTurns(
  request: InferRequest,
  model: LoadedModel,
): Generator<void, Conformed> {
  const { name, signature } = model;
  switch (signature.kind) {
    case "fixed":
      return checked(yield* conformFixed(request, signature, name), model);
    case "tabular":
      return checked(yield* conformTabular(request, signature, name), model);
    default:
      return signature satisfies never;
  }
}

/** Refuses more strings than a worker can be given without harm, and more rows than configured. */
function checked(conformed: Conformed, model: LoadedModel): Conformed {
  checkBatchSize(model, conformed.inputs);
  let strings = 0;
  for (const tensor of conformed.inputs) {
    if (tensor.datatype === "BYTES") strings += tensor.strings.length;
  }
  if (strings <= stringElementsMax) return conformed;
  throw new ServingError(
    "too-large",
    `the request has ${strings} string elements, but at most ${stringElementsMax} are allowed`,
  );
}

/** Whether a request is to be put into its model's terms in turns. */
export function isMuchToConform(inputs: Inputs, signature: Signature): boolean {
  switch (inputs.kind) {
    case "tensors":
      if (signature.kind === "fixed") return false;
      return inputs.tensors.reduce((sum, tensor) => sum + elementsIn(tensor), 0) > conformElements;
    case "rows":
    case "columns":
      return elementsGiven(inputs.values) > conformElements;
    case "raw":
      return inputs.bytes.length > conformElements;
    default:
      return inputs satisfies never;
  }
}

function elementsGiven(values: Extract<Inputs, { kind: "columns" }>["values"]): number {
  if (!isNamed(values)) return values.elements.length;
  return values.reduce((sum, { values: own }) => sum + own.elements.length, 0);
}
