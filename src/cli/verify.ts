import type { Feed, TabularSignature } from "../domain/model.ts";
import type { Tensor } from "../domain/tensor.ts";
import { convert } from "../formats/convert.ts";
import { familyOf } from "../formats/family.ts";
import { runStages } from "../formats/stages/run.ts";
import { Graph } from "../runtime/graph.ts";
import { createSession } from "../runtime/session.ts";
import { ArgumentError, oneFile } from "./arguments.ts";
import { type RowFile, readRows } from "./table.ts";

export const verifyUsage = `Usage: thaw verify FILE --rows rows.csv --expect answers.csv
         [--method predict|predict_proba|decision_function|transform] [--tolerance 1e-9]`;

const options = {
  rows: { type: "string" },
  expect: { type: "string" },
  method: { type: "string" },
  tolerance: { type: "string" },
} as const;

export interface Verified {
  readonly text: string;
  readonly fits: boolean;
}

/** `thaw verify`: a model's answers against those of its library. */
export async function verify(argv: readonly string[]): Promise<Verified> {
  const { file, values } = oneFile(argv, options, verifyUsage);
  const { rows, expect, method, tolerance = "1e-9" } = values;
  if (typeof rows !== "string" || typeof expect !== "string") {
    throw new ArgumentError(`--rows and --expect are needed\n${verifyUsage}`);
  }
  if (Number.isNaN(Number(tolerance))) {
    throw new ArgumentError(`--tolerance: expected a number, got '${tolerance}'\n${verifyUsage}`);
  }
  const family = familyOf(file);
  if (family === "onnx")
    throw new ArgumentError("verify is for models of libraries, not for graphs");
  const model = await convert(file, family);
  const wanted = String(method ?? model.signature.method);
  const output = model.signature.methods.find(({ name }) => name === wanted)?.output;
  if (output === undefined) {
    const known = model.signature.methods.map(({ name }) => name).join(", ");
    throw new ArgumentError(`the model has no ${wanted}; it has ${known}`);
  }
  const given = await readRows(rows);
  const session = await createSession({ source: model.graph, threads: 1, exact: true });
  const carriers = { inputs: new Map(), outputs: new Map() };
  const graph = new Graph(session, carriers, (inputs) => runStages(model.stages, inputs));
  const inputs = model.signature.feeds.map((feed) => feedOf(feed, given, model.signature));
  const [answer] = await graph.infer(inputs, [output]);
  await graph.release();
  const expected = (await readRows(expect)).rows.flat();
  return compared(
    wanted,
    answer === undefined ? [] : valuesOf(answer),
    expected,
    Number(tolerance),
  );
}

function feedOf(
  { name, datatype, columns }: Feed,
  file: RowFile,
  signature: TabularSignature,
): Tensor {
  const places = columns.map((of) => {
    const column = signature.columns[of]?.name;
    const place = column === undefined ? -1 : (file.names?.indexOf(column) ?? -1);
    return place >= 0 ? place : of;
  });
  const cells = file.rows.flatMap((row) => places.map((place) => row[place] ?? Number.NaN));
  const shape = [file.rows.length, columns.length];
  if (datatype === "BYTES") {
    const missing = columns.map((of) => {
      const column = signature.columns[of];
      return column?.type === "text" ? column.missing : undefined;
    });
    const strings = cells.map((cell, at) => {
      const absent = cell === "" || Number.isNaN(cell);
      return (absent ? missing[at % columns.length] : undefined) ?? String(cell);
    });
    return { name, datatype, shape, strings };
  }
  const values = cells.map(numberOf);
  const array = datatype === "FP32" ? Float32Array.from(values) : Float64Array.from(values);
  return { name, datatype, shape, bytes: new Uint8Array(array.buffer) };
}

/** Nothing is a missing value. */
function numberOf(cell: number | string): number {
  if (typeof cell === "number") return cell;
  const [, sign, infinite] = /^\s*([+-]?)(?:(inf(?:inity)?)|\d)/i.exec(cell) ?? [];
  if (infinite === undefined) return cell.trim() === "" ? Number.NaN : Number(cell);
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function valuesOf(tensor: Tensor): (number | string)[] {
  if (tensor.datatype === "BYTES") return [...tensor.strings];
  const { buffer } = Uint8Array.from(tensor.bytes);
  switch (tensor.datatype) {
    case "FP32":
      return [...new Float32Array(buffer)];
    case "FP64":
      return [...new Float64Array(buffer)];
    case "INT32":
      return [...new Int32Array(buffer)];
    case "INT64":
      return Array.from(new BigInt64Array(buffer), Number);
    default:
      return Array.from(tensor.bytes, Number);
  }
}

function compared(
  method: string,
  got: readonly (number | string)[],
  expected: readonly (number | string)[],
  tolerance: number,
): Verified {
  if (got.length !== expected.length) {
    return { text: `${method}: ${got.length} values, expected ${expected.length}\n`, fits: false };
  }
  let different = 0;
  let largest = 0;
  for (const [at, want] of expected.entries()) {
    const have = got[at] ?? "";
    if (typeof have === "string" || typeof want === "string") {
      if (String(have) !== String(want)) different += 1;
      continue;
    }
    if (Object.is(have, want) || have === want || (Number.isNaN(have) && Number.isNaN(want)))
      continue;
    const off = Math.abs(have - want);
    largest = Math.max(largest, Number.isNaN(off) ? Number.POSITIVE_INFINITY : off);
  }
  const fits = different === 0 && largest <= tolerance;
  const text =
    `${method}: ${got.length} values, ${different} labels differ, largest error ${largest} ` +
    `(tolerance ${tolerance}): ${fits ? "the same" : "NOT the same"}\n`;
  return { text, fits };
}
