import { invalid, type ServingError } from "../domain/error.ts";
import type { LoadedModel } from "../domain/model.ts";
import type { InferRequest } from "../domain/request.ts";
import type { Tensor, TensorSpec } from "../domain/tensor.ts";
import { clip } from "../domain/text.ts";

/** A request in the model's own terms. */
export interface Conformed {
  /** One tensor for each input of the signature, in its order. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs to compute, in the order of the answer. */
  readonly outputs: readonly string[];
}

/**
 * Holds a request against the model's signature: names, datatypes, ranks and dimensions. The only
 * place that judges a request by its model. Throws `invalid-request`.
 */
export function conform(request: InferRequest, model: LoadedModel): Conformed {
  const { inputs, outputs } = model.signature;
  const given = new Map(request.inputs.map((tensor) => [tensor.name, tensor]));
  const tensors = inputs.map((spec) => {
    const tensor = given.get(spec.name);
    if (tensor === undefined) throw wrongInputs(request, model);
    checkAgainst(spec, tensor, model.name);
    return tensor;
  });
  if (given.size > inputs.length) throw wrongInputs(request, model);
  return { inputs: tensors, outputs: requestedOutputs(request, outputs, model.name) };
}

function checkAgainst(spec: TensorSpec, tensor: Tensor, model: string): void {
  if (tensor.datatype !== spec.datatype) {
    throw invalid(
      `inference input '${spec.name}' data-type is '${tensor.datatype}', but model '${model}' ` +
        `expects '${spec.datatype}'`,
    );
  }
  if (spec.shape === null) return;
  const { shape } = tensor;
  const fits =
    shape.length === spec.shape.length &&
    spec.shape.every((dim, axis) => dim === -1 || dim === shape[axis]);
  if (fits) return;
  throw invalid(
    `unexpected shape for input '${spec.name}' for model '${model}'. Expected ` +
      `[${spec.shape.join(",")}], got [${shape.join(",")}].`,
  );
}

function wrongInputs(request: InferRequest, model: LoadedModel): ServingError {
  const given = new Set(request.inputs.map((tensor) => tensor.name));
  const expected = model.signature.inputs.map((spec) => spec.name);
  const missing = expected.filter((name) => !given.has(name));
  const unknown = [...given].filter((name) => !expected.includes(name));
  const counts =
    `expected ${expected.length} inputs but got ${given.size} inputs for model ` +
    `'${model.name}'. Got input(s) [${quoted([...given])}]`;
  if (missing.length > 0) {
    const rest = unknown.length > 0 ? ` The model has no input(s) [${quoted(unknown)}].` : "";
    return invalid(
      `${counts}, but missing required input(s) [${quoted(missing)}]. Please provide all ` +
        `required input(s).${rest}`,
    );
  }
  return invalid(
    `unexpected inference input '${clip(unknown[0] ?? "")}' for model '${model.name}': ` +
      `${counts}, but it has only [${quoted(expected)}].`,
  );
}

function requestedOutputs(
  request: InferRequest,
  outputs: readonly TensorSpec[],
  model: string,
): string[] {
  const known = outputs.map((spec) => spec.name);
  if (request.outputs.length === 0) return known;
  return request.outputs.map(({ name }) => {
    if (known.includes(name)) return name;
    throw invalid(
      `unexpected inference output '${clip(name)}' for model '${model}'. It has ` +
        `[${quoted(known)}].`,
    );
  });
}

const quotedMax = 20;

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, quotedMax).map((name) => `'${clip(name)}'`);
  return shown.join(",") + (names.length > quotedMax ? `,… (${names.length} in all)` : "");
}
