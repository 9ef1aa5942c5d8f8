import { readFile } from "node:fs/promises";
import { ArgumentError } from "./arguments.ts";
import { readNumpy } from "./numpy.ts";

/** Rows of a table as people keep them: numbers and text, with names of columns where given. */
export interface RowFile {
  readonly names: readonly string[] | undefined;
  readonly rows: readonly (readonly (number | string)[])[];
}

/**
 * `.csv`, with a header or without, `.json`: a list of rows, or of objects, `.npy`, or `.npz`: its
 * first array.
 */
export async function readRows(path: string): Promise<RowFile> {
  if (/\.np[yz]$/i.test(path)) return { names: undefined, rows: await readNumpy(path) };
  const text = await readFile(path, "utf8");
  if (/\.json$/i.test(path)) return rowsOfJson(JSON.parse(text), path);
  if (/\.csv$/i.test(path)) return rowsOfCsv(text);
  throw new ArgumentError(`${path}: expected a .csv, .json, .npy or .npz file`);
}

function rowsOfJson(value: unknown, path: string): RowFile {
  if (!Array.isArray(value)) throw new ArgumentError(`${path}: expected a list of rows`);
  const [first] = value;
  const names = isRecord(first) ? Object.keys(first) : undefined;
  const rows = value.map((row: unknown) => {
    if (names !== undefined && isRecord(row)) return names.map((name) => cellOf(row[name]));
    return Array.isArray(row) ? row.map(cellOf) : [cellOf(row)];
  });
  return { names, rows };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function cellOf(value: unknown): number | string {
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === "number" || typeof value === "string") return value;
  return typeof value === "boolean" ? Number(value) : String(value);
}

function rowsOfCsv(text: string): RowFile {
  // A line without anything is a missing value, but for the last one.
  const records = text
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .map(fieldsOf);
  const [first = [], ...rest] = records;
  // A header has no number, where the rows below have some.
  const header = rest.length > 0 && !first.some(isNumber) && rest.some((row) => row.some(isNumber));
  const rows = (header ? rest : records).map((row) =>
    row.map((one) => (isNumber(one) ? Number(one) : one)),
  );
  return { names: header ? first : undefined, rows };
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && !Number.isNaN(Number(text));
}

/** Fields of a line, of which some are in quotes. */
function fieldsOf(line: string): string[] {
  const fields = line.match(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g) ?? [];
  const texts = fields.map((field) => field.replace(/,$/, ""));
  // The expression matches once more behind the last field.
  if (!line.endsWith(",")) texts.pop();
  return texts.map((field) =>
    field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
  );
}
