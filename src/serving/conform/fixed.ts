import { invalid, type ServingError } from "../../domain/error.ts";
import type { FixedSignature } from "../../domain/model.ts";
import {
  type InferRequest,
  type Inputs,
  isNamed,
  type NamedValues,
  type Values,
} from "../../domain/request.ts";
import type { Tensor, TensorSpec } from "../../domain/tensor.ts";
import { type AnswerForm, type Conformed, plain } from "./conformed.ts";
import { quoted, unknownOutput, wrongInputs } from "./names.ts";
import { fromRaw } from "./raw.ts";
import { typed } from "./typed.ts";

/** Models whose inputs and outputs are tensors with names, datatypes and shapes of their own. */

type Rows = Extract<Inputs, { kind: "rows" }>;
type Specs = readonly TensorSpec[];
type MaybeNamed = Values | readonly NamedValues[];

interface Given {
  /** One tensor for each input of the signature, in its order. */
  readonly inputs: readonly Tensor[];
  readonly form: AnswerForm;
}

/** Tensors, which need no work: V2's way. */
export function conformTensors(
  request: InferRequest,
  tensors: readonly Tensor[],
  signature: FixedSignature,
  model: string,
): Conformed {
  const inputs = fromTensors(tensors, signature.inputs, model);
  return { inputs, form: plain, outputs: requestedOutputs(request, signature.outputs, model) };
}

/** Inputs in any form; yields where there is much to do. */
export function* conformFixed(
  request: InferRequest,
  signature: FixedSignature,
  model: string,
): Generator<void, Conformed> {
  const outputs = requestedOutputs(request, signature.outputs, model);
  const { inputs, form } = yield* given(request.inputs, signature.inputs, model);
  return { inputs, form, outputs };
}

function* given(inputs: Inputs, specs: Specs, model: string): Generator<void, Given> {
  switch (inputs.kind) {
    case "tensors":
      return { inputs: fromTensors(inputs.tensors, specs, model), form: plain };
    case "rows":
      return yield* fromRows(inputs, specs, model);
    case "columns":
      return { inputs: yield* fromColumns(inputs.values, specs, model), form: plain };
    case "raw":
      return { inputs: [fromRaw(inputs.bytes, specs, model)], form: plain };
    default:
      return inputs satisfies never;
  }
}

function fromTensors(tensors: readonly Tensor[], specs: Specs, model: string): Tensor[] {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const found = specs.map((spec) => {
    const tensor = given.get(spec.name);
    if (tensor === undefined) throw wrongInputs(tensors, specs, model);
    checkAgainst(spec, tensor, model);
    return tensor;
  });
  if (given.size > specs.length) throw wrongInputs(tensors, specs, model);
  return found;
}

function checkAgainst(spec: TensorSpec, tensor: Tensor, model: string): void {
  if (tensor.datatype !== spec.datatype) {
    throw invalid(
      `inference input '${spec.name}' data-type is '${tensor.datatype}', but model '${model}' ` +
        `expects '${spec.datatype}'`,
    );
  }
  if (!fits(tensor.shape, spec)) throw wrongShape(spec, tensor.shape, model);
}

function fits(shape: readonly number[], spec: TensorSpec): boolean {
  if (spec.shape === null) return true;
  return (
    shape.length === spec.shape.length &&
    spec.shape.every((dim, axis) => dim === -1 || dim === shape[axis])
  );
}

function wrongShape(spec: TensorSpec, shape: readonly number[], model: string): ServingError {
  return invalid(
    `unexpected shape for input '${spec.name}' for model '${model}'. Expected ` +
      `[${(spec.shape ?? []).join(",")}], got [${shape.join(",")}].`,
  );
}

/** V1's columnar inputs: the whole of each, or of the only one. */
function* fromColumns(values: MaybeNamed, specs: Specs, model: string): Generator<void, Tensor[]> {
  const tensors: Tensor[] = [];
  for (const { spec, values: own } of named(values, specs, model)) {
    if (!fits(own.shape, spec)) throw wrongShape(spec, own.shape, model);
    tensors.push(yield* typed(spec, own, own.shape));
  }
  return tensors;
}

/** V1's instances: axis 0 of each input is stacked from them. */
function* fromRows(rows: Rows, specs: Specs, model: string): Generator<void, Given> {
  if (rows.framed) {
    throw invalid(
      `an instance is a list of objects, which are rows of a table, but model '${model}' takes ` +
        `the inputs [${quoted(specs.map(({ name }) => name))}]`,
    );
  }
  const found = named(rows.values, specs, model);
  const ways = found.map(({ spec, values }) => wayOf(spec, values, model));
  const inputs: Tensor[] = [];
  for (const [index, { spec, values }] of found.entries()) {
    inputs.push(yield* typed(spec, values, ways[index]?.shape ?? values.shape));
  }
  const only = ways.length > 0 && ways.every((way) => way.onlyRow);
  return { inputs, form: { kind: "rows", count: rows.count, only } };
}

interface Way {
  readonly shape: readonly number[];
  /** The input has no axis for rows; it is the value of the only instance. */
  readonly onlyRow: boolean;
}

/** How stacked values fit an input. */
function wayOf(spec: TensorSpec, { shape }: Values, model: string): Way {
  if (fits(shape, spec)) return { shape, onlyRow: false };
  const row = shape.slice(1);
  if (shape[0] === 1 && fits(row, spec)) return { shape: row, onlyRow: true };
  // An instance that is a single value stands for a row of one.
  const column = [...shape, 1];
  if (shape.length === 1 && fits(column, spec)) return { shape: column, onlyRow: false };
  throw wrongShape(spec, shape, model);
}

interface Found {
  readonly spec: TensorSpec;
  readonly values: Values;
}

/** What was given for each input of the signature, in its order. */
function named(values: MaybeNamed, specs: Specs, model: string): Found[] {
  if (!isNamed(values)) {
    const [only] = specs;
    if (only === undefined || specs.length > 1) throw namesNeeded(specs, model);
    return [{ spec: only, values }];
  }
  const given = new Map(values.map((each) => [each.name, each]));
  if (given.size > specs.length) throw wrongInputs(values, specs, model);
  return specs.map((spec) => {
    const own = given.get(spec.name);
    if (own === undefined) throw wrongInputs(values, specs, model);
    if (own.rows !== undefined) throw absent(spec.name, own.rows, model);
    if (own.lengths !== undefined) {
      throw invalid(
        `the values of input '${spec.name}' of model '${model}' must have the same shape in ` +
          "every instance",
      );
    }
    return { spec, values: own.values };
  });
}

function namesNeeded(specs: Specs, model: string): ServingError {
  const names = specs.map(({ name }) => name);
  return invalid(
    `model '${model}' has ${names.length} inputs [${quoted(names)}]; give their values by ` +
      "name, in an object",
  );
}

function absent(name: string, rows: readonly number[], model: string): ServingError {
  let first = 0;
  while (rows[first] === first) first += 1;
  return invalid(`instance ${first} has no value for input '${name}' of model '${model}'`);
}

function requestedOutputs(request: InferRequest, outputs: Specs, model: string): string[] {
  const known = outputs.map((spec) => spec.name);
  if (request.outputs.length === 0) return known;
  return request.outputs.map(({ name }) => {
    if (known.includes(name)) return name;
    throw unknownOutput(name, known, model);
  });
}
