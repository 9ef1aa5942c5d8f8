import { numbersOf } from "../../domain/elements.ts";
import { invalid } from "../../domain/error.ts";
import { clientInputs, type TabularSignature } from "../../domain/model.ts";
import { type InferRequest, isNamed, type NamedValues } from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { columnOf, frame, stackedColumn } from "./frame.ts";
import { fromRaw } from "./raw.ts";
import { type Cells, matrix, type Table } from "./table.ts";

/** Any form of inputs as a table. Throws `invalid-request`. */
export function tabulate(
  { inputs, parameters }: InferRequest,
  signature: TabularSignature,
  model: string,
): Table {
  switch (inputs.kind) {
    case "tensors":
      return fromTensors(inputs.tensors, parameters.get("content_type") === "pd", signature);
    case "rows":
    case "columns":
      if (!isNamed(inputs.values))
        return matrix(inputs.values.shape, inputs.values.elements, signature);
      return fromNamed(inputs.values, inputs.kind === "rows" ? inputs.count : undefined, signature);
    case "raw": {
      const tensor = fromRaw(inputs.bytes, clientInputs(signature), model);
      return fromTensors([tensor], false, signature);
    }
    default:
      return inputs satisfies never;
  }
}

/** One tensor is the matrix of all columns, whatever its name; several are a column each. */
function fromTensors(
  tensors: readonly Tensor[],
  asFrame: boolean,
  signature: TabularSignature,
): Table {
  const [first] = tensors;
  if (first === undefined) throw invalid("the request has no inputs, but one is expected");
  if (tensors.length === 1 && !asFrame) {
    return matrix(first.shape, cellsOf(first), signature);
  }
  const columns = tensors.map((tensor) => columnOf(tensor.name, tensor.shape, cellsOf(tensor)));
  return frame(columns, signature);
}

function cellsOf(tensor: Tensor): Cells {
  return tensor.datatype === "BYTES" ? tensor.strings : numbersOf(tensor);
}

/** Objects by column, or one value under any name that is a row of all columns. */
function fromNamed(
  given: readonly NamedValues[],
  count: number | undefined,
  signature: TabularSignature,
): Table {
  const [only] = given;
  if (only !== undefined && given.length === 1 && isMatrix(only, signature)) {
    return matrix(only.values.shape, only.values.elements, signature);
  }
  if (count !== undefined) return frame(given.map(stackedColumn), signature, count);
  const columns = given.map(({ name, values }) => columnOf(name, values.shape, values.elements));
  return frame(columns, signature);
}

function isMatrix({ name, values, rows }: NamedValues, { columns }: TabularSignature): boolean {
  const known = columns.some((column) => column.name === name);
  return !known && rows === undefined && values.shape.length === 2 && values.shape[1] !== 1;
}
