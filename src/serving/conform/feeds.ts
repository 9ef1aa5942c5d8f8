import { type DoubleArray, isDoubleArray, quoteValue } from "../../domain/elements.ts";
import { assert, invalid, type ServingError } from "../../domain/error.ts";
import { conformElements } from "../../domain/limits.ts";
import type { Feed, TabularSignature } from "../../domain/model.ts";
import type { Scalar } from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import { notFinite } from "./phrases.ts";
import type { Column, Table } from "./table.ts";

/**
 * The matrix [rows, k] of a graph's input; yields between so many elements. Throws
 * `invalid-request`.
 */
export function* feedTensor(
  { name, datatype, columns }: Feed,
  table: Table,
  signature: TabularSignature,
): Generator<void, Tensor> {
  const shape = [table.rows, columns.length];
  const chosen: Chosen = { columns, table, signature };
  if (datatype === "BYTES") {
    return { name, datatype, shape, strings: yield* textMatrix(chosen) };
  }
  const numbers = yield* numberMatrix(datatype, chosen);
  const { buffer, byteOffset, byteLength } = numbers;
  return { name, datatype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

interface Chosen {
  readonly columns: readonly number[];
  readonly table: Table;
  readonly signature: TabularSignature;
}

/** Some rows at a time. */
function* stretches({ columns, table }: Chosen): Generator<readonly [from: number, to: number]> {
  const step = Math.ceil(conformElements / Math.max(1, columns.length));
  for (let from = 0; from < table.rows; from += step) {
    yield [from, Math.min(from + step, table.rows)];
  }
}

type Matrix = Float32Array | Float64Array;

function* numberMatrix(datatype: "FP32" | "FP64", chosen: Chosen): Generator<void, Matrix> {
  const { columns, table } = chosen;
  const whole = wholeMatrix(chosen);
  const size = table.rows * columns.length;
  // Where the graph takes the matrix as it is, it is not copied.
  const asItIs = whole instanceof (datatype === "FP32" ? Float32Array : Float64Array);
  const matrix = asItIs ? whole : emptyMatrix(datatype, size);
  for (const [from, to] of stretches(chosen)) {
    if (from > 0) yield;
    const [start, end] = [from * columns.length, to * columns.length];
    if (whole === undefined) fill(matrix, chosen, from, to);
    else if (!asItIs) matrix.set(whole.subarray(start, end), start);
    checkFinite(matrix, chosen, start, end);
  }
  return matrix;
}

function emptyMatrix(datatype: "FP32" | "FP64", size: number): Matrix {
  return datatype === "FP32" ? new Float32Array(size) : new Float64Array(size);
}

/** All elements, where they are numbers that came in the order in which the graph takes them. */
function wholeMatrix({ columns, table }: Chosen): DoubleArray | undefined {
  const { matrix } = table;
  if (matrix === undefined || !isDoubleArray(matrix)) return undefined;
  if (columns.length !== table.columns.length) return undefined;
  return columns.every((of, at) => of === at) ? matrix : undefined;
}

function fill(matrix: Matrix, { columns, table, signature }: Chosen, from: number, to: number) {
  const width = columns.length;
  const single = matrix instanceof Float32Array;
  for (const [at, of] of columns.entries()) {
    const column = table.columns[of];
    for (let row = from; row < to; row += 1) {
      const value = valueAt(column, row);
      const number = typeof value === "number" ? value : numberOf(value, single);
      if (number === undefined) throw badValue(value, row, of, signature);
      matrix[row * width + at] = number;
    }
  }
}

/** What stands in a row of a column; null where nothing does. */
function valueAt(column: Column | undefined, row: number): Scalar {
  if (column === undefined) return null;
  return column.cells[column.start + row * column.step] ?? null;
}

/** A missing value is NaN; `undefined` for what is no number. */
function numberOf(value: Scalar, single: boolean): number | undefined {
  if (value === null) return Number.NaN;
  if (typeof value === "bigint") return single ? singleOf(value) : Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : undefined;
}

/** The nearest FP32, rounded once: what is cut off leaves its trace in the last bit that stays. */
function singleOf(value: bigint): number {
  let high = value;
  let cut = 0n;
  for (; !Number.isSafeInteger(Number(high)); cut += 11n) high >>= 11n;
  const odd = high << cut === value ? high : high | 1n;
  return Math.fround(Number(odd) * 2 ** Number(cut));
}

/** Refuses NaN and infinities where a column takes none, and what FP32 cannot hold. */
function checkFinite(
  matrix: Matrix,
  { columns, table, signature }: Chosen,
  start: number,
  end: number,
): void {
  for (let index = start; index < end; index += 1) {
    const value = matrix[index] ?? 0;
    if (value - value === 0) continue;
    const of = columns[index % columns.length] ?? 0;
    const row = Math.floor(index / columns.length);
    if (takes(value, valueAt(table.columns[of], row), of, signature)) continue;
    throw notFinite(value, matrix instanceof Float32Array ? "FP32" : "FP64", signature);
  }
}

function takes(value: number, given: Scalar, of: number, { columns }: TabularSignature): boolean {
  const column = columns[of];
  assert(column?.type === "number", "a graph takes numbers from a column of text");
  if (Number.isNaN(value)) return column.takes !== "finite";
  const infinite = typeof given === "number" && !Number.isFinite(given);
  return infinite && column.takes === "any";
}

function* textMatrix(chosen: Chosen): Generator<void, string[]> {
  const { columns, table, signature } = chosen;
  const texts: string[] = [];
  for (const [from, to] of stretches(chosen)) {
    if (from > 0) yield;
    for (let row = from; row < to; row += 1) {
      for (const of of columns) {
        const value = valueAt(table.columns[of], row);
        const text = typeof value === "string" ? value : missingText(value, of, signature);
        if (text === undefined) throw badValue(value, row, of, signature);
        texts.push(text);
      }
    }
  }
  return texts;
}

/** What stands for a missing value, be it null or pandas' NaN. */
function missingText(value: Scalar, of: number, { columns }: TabularSignature): string | undefined {
  const column = columns[of];
  assert(column?.type === "text", "a graph takes text from a column of numbers");
  return value === null || Number.isNaN(value) ? column.missing : undefined;
}

function badValue(
  value: Scalar,
  row: number,
  of: number,
  { columns }: TabularSignature,
): ServingError {
  const column = columns[of];
  const name = column?.name === undefined ? `${of}` : `'${clip(column.name)}'`;
  const found = value === null ? "missing" : quoteValue(value);
  const expected = column?.type === "text" ? "a string" : "a number";
  return invalid(`column ${name} of row ${row} is ${found}, expected ${expected}`);
}
