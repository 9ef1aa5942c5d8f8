import { invalid } from "../../domain/error.ts";
import { tableElementsMax } from "../../domain/limits.ts";
import type { TabularSignature } from "../../domain/model.ts";
import type { Scalar } from "../../domain/request.ts";
import { clip } from "../../domain/text.ts";
import { missingColumns, wrongWidth } from "./phrases.ts";
import type { Cells, Column, Table } from "./table.ts";

/** Columns with names, as pandas has them. */

export interface FrameColumn {
  readonly name: string;
  /** How many stacked values there are, and of how many rows each of them is. */
  readonly count: number;
  readonly each: number;
  readonly cells: Cells;
  /** Where these stand among all; `undefined` for all of them. */
  readonly present: readonly number[] | undefined;
}

/** Single values, or a list of rows in each of them. Throws `invalid-request`. */
export function columnOf(name: string, shape: readonly number[], cells: Cells): FrameColumn {
  const [count, each = 1] = shape;
  if (count === undefined || shape.length > 2) {
    throw invalid(
      `column '${clip(name)}' has the shape [${shape.join(",")}], but single values are ` +
        "expected, one for each row",
    );
  }
  return { name, count, each, cells, present: undefined };
}

/**
 * A table of columns that are found by their names, or by their order where the model has none.
 * `count` is the number of values stacked where columns may lack some.
 */
export function frame(
  given: readonly FrameColumn[],
  signature: TabularSignature,
  count?: number,
): Table {
  const stacked = count ?? given[0]?.count ?? 0;
  const each = given[0]?.each ?? 1;
  for (const column of given) checkLength(column, given[0], stacked, each);
  const rows = stacked * each;
  if (rows === 0) throw invalid("the columns have no rows, but at least one is expected");
  checkSize(rows, signature.columns.length);
  const columns = chosen(given, signature).map((column) =>
    column === undefined ? undefined : spread(column, rows),
  );
  return { rows, columns, matrix: undefined };
}

/** Refuses a table that a small body blows up. */
export function checkSize(rows: number, columns: number): void {
  if (rows * columns <= tableElementsMax) return;
  throw invalid(
    `${rows} rows of ${columns} columns are more than the ${tableElementsMax} values that a ` +
      "table may have; send fewer rows at a time",
  );
}

function checkLength(
  { name, count, each, present }: FrameColumn,
  first: FrameColumn | undefined,
  stacked: number,
  eachFirst: number,
): void {
  if (each === eachFirst && (present !== undefined || count === stacked)) return;
  throw invalid(
    `all columns must be of the same length: '${clip(first?.name ?? "")}' has ` +
      `${stacked * eachFirst} values, '${clip(name)}' has ${count * each}`,
  );
}

/** What was given for each of the model's columns. What it does not have is left out. */
function chosen(
  given: readonly FrameColumn[],
  signature: TabularSignature,
): (FrameColumn | undefined)[] {
  const { columns, library } = signature;
  if (columns.every(({ name }) => name === undefined)) {
    if (given.length !== columns.length) throw wrongWidth(given.length, signature);
    return [...given];
  }
  const byName = new Map(given.map((column) => [column.name, column]));
  const found = columns.map(({ name }) => (name === undefined ? undefined : byName.get(name)));
  const missing = columns.filter((_, index) => found[index] === undefined);
  // LightGBM's server fills them with NaN. If all are missing the names are wrong.
  const filled = library === "lightgbm" && missing.length < columns.length;
  if (missing.length > 0 && !filled) {
    throw missingColumns(
      missing.map(({ name }, index) => name ?? `${index}`),
      signature,
    );
  }
  return found;
}

/** A value for each row; null where a row has none. */
function spread({ cells, each, present }: FrameColumn, rows: number): Column {
  if (present === undefined) return { cells, start: 0, step: 1 };
  const full = new Array<Scalar>(rows).fill(null);
  for (const [index, row] of present.entries()) {
    for (let at = 0; at < each; at += 1) full[row * each + at] = cells[index * each + at] ?? null;
  }
  return { cells: full, start: 0, step: 1 };
}
