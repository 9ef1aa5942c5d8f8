import { invalid, type ServingError } from "../../domain/error.ts";
import { tableElementsMax } from "../../domain/limits.ts";
import type { TabularSignature } from "../../domain/model.ts";
import type { NamedValues, Scalar } from "../../domain/request.ts";
import { clip } from "../../domain/text.ts";
import { missingColumns, wrongWidth } from "./phrases.ts";
import type { Cells, Column, Table } from "./table.ts";

/** Columns with names, as pandas has them. */

export interface FrameColumn {
  readonly name: string;
  readonly cells: Cells;
  /** How many values were stacked, each of which is one row, or a list of rows. */
  readonly count: number;
  /** How many rows each of the lists is; `undefined` for single values. */
  readonly lengths: number | readonly number[] | undefined;
  /** Where these stand among all; `undefined` for all of them. */
  readonly present: readonly number[] | undefined;
}

/** A column of single values. Throws `invalid-request`. */
export function columnOf(name: string, shape: readonly number[], cells: Cells): FrameColumn {
  const [count, each = 1] = shape;
  if (count === undefined || shape.length > 2 || each !== 1) throw wrongColumn(name, shape);
  return { name, cells, count, lengths: undefined, present: undefined };
}

/** A column of what the rows of a request have under a name. Throws `invalid-request`. */
export function stackedColumn({ name, values, rows, lengths }: NamedValues): FrameColumn {
  const { shape, elements: cells } = values;
  if (shape.length > 2) throw wrongColumn(name, shape);
  const count = lengths?.length ?? shape[0] ?? 0;
  return { name, cells, count, lengths: lengths ?? shape[1], present: rows };
}

function wrongColumn(name: string, shape: readonly number[]): ServingError {
  return invalid(
    `column '${clip(name)}' has the shape [${shape.join(",")}], but single values are expected, ` +
      "one for each row",
  );
}

/**
 * A table of columns that are found by their names, or by their order where the model has none.
 * `count` is the number of values stacked where columns may lack some.
 */
export function frame(
  given: readonly FrameColumn[],
  signature: TabularSignature,
  count = given[0]?.count ?? 0,
): Table {
  for (const column of given) {
    if (column.present !== undefined || column.count === count) continue;
    throw differentLengths(given[0]?.name, count, column.name, column.count);
  }
  // Before anything is taken for each row.
  checkSize(count, signature.columns.length);
  const heights = heightsOf(given, count);
  const rows = heights === undefined ? count : heights.reduce((sum, height) => sum + height, 0);
  if (rows === 0) throw invalid("the columns have no rows, but at least one is expected");
  checkSize(rows, signature.columns.length);
  const columns = chosen(given, signature).map((column) =>
    column === undefined ? undefined : spread(column, rows, heights),
  );
  return { rows, columns, matrix: undefined };
}

/** How many rows each stacked value is, by the lists among them; `undefined` where all are one. */
function heightsOf(given: readonly FrameColumn[], count: number): readonly number[] | undefined {
  if (given.every(({ lengths }) => lengths === undefined)) return undefined;
  const heights = new Array<number>(count).fill(-1);
  for (const column of given) {
    if (column.lengths === undefined) continue;
    for (let index = 0; index < column.count; index += 1) {
      const row = column.present?.[index] ?? index;
      const length = lengthOf(column, index);
      if (heights[row] === -1) heights[row] = length;
      if (heights[row] === length) continue;
      throw differentLengths(undefined, heights[row] ?? 0, column.name, length);
    }
  }
  return heights.map((height) => (height === -1 ? 1 : height));
}

function lengthOf({ lengths }: FrameColumn, index: number): number {
  return (typeof lengths === "number" ? lengths : lengths?.[index]) ?? 1;
}

function differentLengths(
  first: string | undefined,
  firstCount: number,
  name: string,
  count: number,
): ServingError {
  const other = first === undefined ? "another" : `'${clip(first)}'`;
  return invalid(
    `all columns must be of the same length: ${other} has ${firstCount} values, ` +
      `'${clip(name)}' has ${count}`,
  );
}

/** Refuses a table that a small body blows up. */
export function checkSize(rows: number, columns: number): void {
  if (rows * columns <= tableElementsMax) return;
  throw invalid(
    `${rows} rows of ${columns} columns are more than the ${tableElementsMax} values that a ` +
      "table may have; send fewer rows at a time",
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
  if (!found.includes(undefined)) return found;
  // What the model was fitted with and makes no use of nobody has to send.
  const used = new Set(signature.feeds.flatMap((feed) => feed.columns));
  const missing = columns.filter((_, index) => found[index] === undefined && used.has(index));
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

/** A value for each row: a single one in all rows of its stack, null where there is none. */
function spread(column: FrameColumn, rows: number, heights?: readonly number[]): Column {
  const { cells, count, lengths, present } = column;
  const contiguous = heights === undefined || lengths !== undefined;
  if (present === undefined && contiguous) return { cells, start: 0, step: 1 };
  const full = new Array<Scalar>(rows).fill(null);
  let row = 0;
  let stack = 0;
  let from = 0;
  for (let index = 0; index < count; index += 1) {
    const own = present?.[index] ?? index;
    for (; stack < own; stack += 1) row += heights?.[stack] ?? 1;
    const height = heights?.[own] ?? 1;
    for (let at = 0; at < height; at += 1) {
      full[row + at] = cells[lengths === undefined ? index : from + at] ?? null;
    }
    from += height;
  }
  return { cells: full, start: 0, step: 1 };
}
