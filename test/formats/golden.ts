import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Feed, Method, TabularSignature } from "../../src/domain/model.ts";
import type { Tensor } from "../../src/domain/tensor.ts";
import type { Converted } from "../../src/formats/converted.ts";
import { runStages } from "../../src/formats/stages/run.ts";
import { Graph } from "../../src/runtime/graph.ts";
import { createSession } from "../../src/runtime/session.ts";

/** Models with rows and what their own library says of them (`goldens/<library>/make.py`). */

export interface GoldenColumn {
  readonly name: string | null;
  /** Doubles in hexadecimal, or text. */
  readonly values: readonly (string | null)[];
}

export interface GoldenAnswer {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (string | number | boolean)[];
  /** What the library says of a row in other places of a batch, where that is not always the same. */
  readonly low?: readonly string[];
  readonly high?: readonly string[];
  /** For each row how much was added up, whatever the signs. */
  readonly terms?: readonly string[];
}

export interface GoldenCase {
  readonly file: string;
  readonly rows: readonly GoldenColumn[];
  readonly outputs: Readonly<Record<string, GoldenAnswer>>;
}

export interface Goldens {
  readonly sklearn: string;
  readonly cases: readonly GoldenCase[];
}

/** Estimators that are refused, clearly, in this release of ours. */
export const refusedModels = /^FactorAnalysis-/;

export function readGoldens(folder: string): Goldens {
  return JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
}

/** `float.hex()` of Python, exactly. */
export function unhex(text: string): number {
  if (text === "nan") return Number.NaN;
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  const match = /^(-?)0x([01])(?:\.([0-9a-f]*))?p([+-]\d+)$/.exec(text);
  if (match === null) throw new Error(`${text} is no double`);
  const [, sign, lead = "0", digits = "", power = "0"] = match;
  let value = Number(BigInt(lead) * 2n ** 52n + BigInt(`0x${digits.padEnd(13, "0")}`));
  let exponent = Number(power) - 52;
  // In two steps where one would end in zero too early.
  for (; exponent < -1000; exponent += 74) value *= 2 ** -74;
  value *= 2 ** exponent;
  return sign === "-" ? -value : value;
}

/** A converted model that is ready to answer. */
export interface Answering {
  /** All methods for some rows, by the method's name. */
  readonly answers: (rows: readonly GoldenColumn[]) => Promise<ReadonlyMap<string, Tensor>>;
  readonly release: () => Promise<void>;
}

export async function opened(model: Converted): Promise<Answering> {
  const session = await createSession({ source: model.graph, threads: 1, exact: true });
  const carriers = { inputs: new Map(), outputs: new Map() };
  const graph = new Graph(session, carriers, (inputs) => runStages(model.stages, inputs));
  const { feeds, methods } = model.signature;
  const outputs = methods.map(({ output }: Method) => output);
  return {
    answers: async (rows) => {
      const inputs = feeds.map((feed) => feedOf(feed, rows, model.signature));
      const tensors = await graph.infer(inputs, outputs);
      return new Map(
        methods.map(({ name }, at) => [name, tensors[at] ?? inputs[0]] as [string, Tensor]),
      );
    },
    release: () => graph.release(),
  };
}

/** All methods of a converted model for some rows, by the method's name. */
export async function answersOf(model: Converted, rows: readonly GoldenColumn[]) {
  const { answers, release } = await opened(model);
  try {
    return await answers(rows);
  } finally {
    await release();
  }
}

function feedOf(feed: Feed, rows: readonly GoldenColumn[], signature: TabularSignature): Tensor {
  const { name, datatype, columns } = feed;
  const count = rows[0]?.values.length ?? 0;
  const shape = [count, columns.length];
  const cells = Array.from({ length: count }, (_, row) =>
    columns.map((of) => ({ of, value: rows[of]?.values[row] ?? null })),
  ).flat();
  if (datatype === "BYTES") {
    const missing = (of: number) => {
      const column = signature.columns[of];
      return column?.type === "text" ? (column.missing ?? "") : "";
    };
    return { name, datatype, shape, strings: cells.map(({ of, value }) => value ?? missing(of)) };
  }
  const values = cells.map(({ value }) => (value === null ? Number.NaN : unhex(value)));
  const array = datatype === "FP32" ? Float32Array.from(values) : Float64Array.from(values);
  return { name, datatype, shape, bytes: new Uint8Array(array.buffer) };
}

/** What a tensor holds, in the words of the goldens. */
export function valuesOf(tensor: Tensor): (string | number | boolean)[] {
  if (tensor.datatype === "BYTES") return [...tensor.strings];
  const { buffer } = Uint8Array.from(tensor.bytes);
  switch (tensor.datatype) {
    case "FP64":
      return [...new Float64Array(buffer)];
    case "FP32":
      return [...new Float32Array(buffer)];
    case "INT64":
      return Array.from(new BigInt64Array(buffer), Number);
    case "INT32":
      return [...new Int32Array(buffer)];
    case "BOOL":
      return Array.from(tensor.bytes, (one) => one === 1);
    default:
      throw new Error(`no golden has ${tensor.datatype}`);
  }
}
