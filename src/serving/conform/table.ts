import type { Numbers } from "../../domain/elements.ts";
import type { TabularSignature } from "../../domain/model.ts";
import type { Scalar } from "../../domain/request.ts";
import { wrongRank, wrongRows, wrongWidth } from "./phrases.ts";

/** Elements of any kind, one after another. */
export type Cells = Numbers | readonly Scalar[];

/** Where the values of a column are: of row r at `start + r * step`. */
export interface Column {
  readonly cells: Cells;
  readonly start: number;
  readonly step: number;
}

/** What was given, in the order of the model's columns; `undefined` for one that is missing. */
export interface Table {
  readonly rows: number;
  readonly columns: readonly (Column | undefined)[];
  /** All elements, where they came as one matrix of the model's columns. */
  readonly matrix: Cells | undefined;
}

/** A table from elements of the shape [rows, width]. Throws `invalid-request`. */
export function matrix(
  shape: readonly number[],
  elements: Cells,
  signature: TabularSignature,
): Table {
  const width = signature.columns.length;
  const [rows = 0] = shape;
  // One value a row, as texts come.
  const single = shape.length === 1 && width === 1;
  if (shape.length !== 2 && !single) throw wrongRank(shape, signature);
  if (rows === 0) throw wrongRows(shape, signature);
  if (!single && shape[1] !== width) throw wrongWidth(shape[1] ?? 0, signature);
  const columns = Array.from({ length: width }, (_, start) => ({
    cells: elements,
    start,
    step: width,
  }));
  return { rows, columns, matrix: elements };
}
