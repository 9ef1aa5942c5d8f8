import { assert } from "../domain/error.ts";
import { graphInputs, graphOutputs, type Signature, type Verdict } from "../domain/model.ts";
import type { FixedTensor, Tensor, TensorSpec } from "../domain/tensor.ts";
import type { Graph } from "./graph.ts";
import { joinedRows, probeRow, type RowKind } from "./rows.ts";

/**
 * Whether a graph treats the rows of a batch independently. Three random rows a, b, c are run
 * together, in another order, and each alone; row i has to come out the same each time: integers
 * and strings exactly, floats within 1e-5 · max(1, |x|). Then a is run between rows of large
 * numbers, zeros, and missing values, which some graphs drop or let decide for all.
 */
export async function judgeRows(graph: Graph, signature: Signature): Promise<Verdict> {
  const specs = { inputs: graphInputs(signature), outputs: graphOutputs(signature) };
  const obstacle = obstacleOf(specs);
  if (obstacle !== undefined) return { kind: "single", reason: obstacle };
  let reason = "";
  // Free dimensions behind the first may be lengths; some graphs take only 1 there.
  for (const free of [2, 1]) {
    const found = await probe(graph, specs, free);
    if (found === undefined) return { kind: "batchable" };
    reason = found;
    if (found !== cannotRun) break;
  }
  return { kind: "single", reason };
}

const cannotRun = "it does not run with three rows of random values";
const orders = [
  [0, 1, 2],
  [2, 0, 1],
] as const;
/** Strange rows on either side of an ordinary one, in whose answer they must not show. */
const neighbours: readonly (readonly [RowKind, RowKind])[] = [
  ["large", "zero"],
  ["negative", "missing"],
];

interface Specs {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

function obstacleOf({ inputs, outputs }: Specs): string | undefined {
  if (inputs.length === 0) return "it has no inputs";
  for (const { name, shape } of [...inputs, ...outputs]) {
    if (shape === null) return `the rank of '${name}' is unknown`;
    if (shape.length === 0) return `'${name}' is a scalar`;
    if (shape[0] !== -1) return `dimension 0 of '${name}' is fixed at ${shape[0]}`;
  }
  return undefined;
}

/** Why rows are not independent, or `undefined` when they are. */
async function probe(
  graph: Graph,
  { inputs, outputs }: Specs,
  free: number,
): Promise<string | undefined> {
  const names = outputs.map(({ name }) => name);
  const row = (kind: RowKind, seed: number) =>
    inputs.map((spec) => probeRow(spec, { kind, seed, free }));
  const together = (rows: readonly (readonly Tensor[])[]) =>
    graph.infer(joinedRows(inputs, rows), names);
  const rows = [1, 2, 3].map((seed) => row("ordinary", seed));
  const singles: Tensor[][] = [];
  try {
    for (const one of rows) singles.push(await graph.infer(one, names));
    for (const order of orders) {
      const answer = await together(order.map((index) => rows[index] ?? []));
      const wanted = order.map((index) => singles[index] ?? []);
      const wrong = difference(answer, wanted);
      if (wrong !== undefined) return wrong;
    }
  } catch (error) {
    // What ONNX Runtime says of random values is of no interest to anybody.
    assert(error instanceof Error, "ONNX Runtime threw something that is no error");
    return cannotRun;
  }
  for (const [first, last] of neighbours) {
    const batch = [row(first, 4), rows[0] ?? [], row(last, 5)];
    const answer = await answered(() => together(batch));
    const wrong = answer && difference(answer, [undefined, singles[0], undefined]);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** `undefined` where a graph does not take such values: then they tell nothing. */
async function answered(run: () => Promise<Tensor[]>): Promise<Tensor[] | undefined> {
  try {
    return await run();
  } catch (error) {
    assert(error instanceof Error, "ONNX Runtime threw something that is no error");
    return undefined;
  }
}

/** `singles`: the answer of each row alone, where it is to be compared. */
function difference(
  together: readonly Tensor[],
  singles: readonly (readonly Tensor[] | undefined)[],
): string | undefined {
  for (const [index, output] of together.entries()) {
    const rows = singles.map((row) => row?.[index]);
    const odd = (row: Tensor | undefined) => row !== undefined && row.shape[0] !== 1;
    if (output.shape[0] !== rows.length || rows.some(odd)) {
      return `output '${output.name}' does not have one row for each row of the inputs`;
    }
    if (rows.some((row, at) => row !== undefined && !sameRow(output, row, at, rows.length))) {
      return `output '${output.name}' of a row depends on the other rows`;
    }
  }
  return undefined;
}

function sameRow(output: Tensor, row: Tensor, at: number, rows: number): boolean {
  if (output.datatype === "BYTES") {
    if (output.shape.slice(1).join() !== row.shape.slice(1).join()) return false;
    const each = output.strings.length / rows;
    const own = output.strings.slice(at * each, (at + 1) * each);
    return row.datatype === "BYTES" && own.join("\0") === row.strings.join("\0");
  }
  if (row.datatype !== output.datatype) return false;
  if (output.shape.slice(1).join() !== row.shape.slice(1).join()) return false;
  const each = output.bytes.byteLength / rows;
  const own = output.bytes.slice(at * each, (at + 1) * each);
  return (
    own.byteLength === row.bytes.byteLength && sameNumbers({ ...output, bytes: own }, row.bytes)
  );
}

const tolerance = 1e-5;
/** An FP16 has 11 bits; the tolerance is a few units of its last. */
const tolerance16 = 4e-3;

function sameNumbers({ datatype, bytes }: FixedTensor, other: Uint8Array): boolean {
  const floats = floatsOf(datatype, bytes);
  const others = floatsOf(datatype, other);
  if (floats === undefined || others === undefined) return Buffer.compare(bytes, other) === 0;
  const allowed = datatype === "FP16" ? tolerance16 : tolerance;
  return floats.every((value, index) => {
    const against = others[index] ?? Number.NaN;
    if (Object.is(value, against) || value === against) return true;
    return Math.abs(value - against) <= allowed * Math.max(1, Math.abs(value));
  });
}

function floatsOf(datatype: FixedTensor["datatype"], bytes: Uint8Array): number[] | undefined {
  const own = new Uint8Array(bytes).buffer;
  if (datatype === "FP32") return [...new Float32Array(own)];
  if (datatype === "FP64") return [...new Float64Array(own)];
  if (datatype === "FP16") return [...new Float16Array(own)];
  return undefined;
}
