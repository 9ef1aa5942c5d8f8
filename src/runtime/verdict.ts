import { bytesPerElement } from "../domain/datatype.ts";
import { assert } from "../domain/error.ts";
import { graphInputs, graphOutputs, type Signature, type Verdict } from "../domain/model.ts";
import type { FixedTensor, Tensor, TensorSpec } from "../domain/tensor.ts";
import type { Graph } from "./graph.ts";

/**
 * Whether a graph treats the rows of a batch independently. Three random rows a, b, c are run
 * together, in another order, and each alone; row i has to come out the same each time: integers
 * and strings exactly, floats within 1e-5 · max(1, |x|).
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
  const rows = [0, 1, 2].map((row) => inputs.map((spec) => randomRow(spec, free, row)));
  try {
    const singles: Tensor[][] = [];
    for (const row of rows) singles.push(await graph.infer(row, names));
    for (const order of orders) {
      const together = await graph.infer(
        joined(
          inputs,
          order.map((row) => rows[row] ?? []),
        ),
        names,
      );
      const wrong = difference(
        together,
        order.map((row) => singles[row] ?? []),
      );
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  } catch (error) {
    // What ONNX Runtime says of random values is of no interest to anybody.
    assert(error instanceof Error, "ONNX Runtime threw something that is no error");
    return cannotRun;
  }
}

/** One row; integers are 0 or 1, so that they stay inside the smallest table. */
function randomRow({ name, datatype, shape }: TensorSpec, free: number, row: number): Tensor {
  const dims = [1, ...(shape ?? []).slice(1).map((dim) => (dim === -1 ? free : dim))];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const random = generator(row + 1);
  if (datatype === "BYTES") {
    return {
      name,
      datatype,
      shape: dims,
      strings: Array.from({ length: count }, () => (random() < 0.5 ? "a" : "b")),
    };
  }
  const bytes = new Uint8Array(count * bytesPerElement(datatype));
  const view = new DataView(bytes.buffer);
  const size = bytesPerElement(datatype);
  for (let at = 0; at < bytes.length; at += size) {
    if (datatype === "FP32") view.setFloat32(at, random() * 2 - 1, true);
    else if (datatype === "FP64") view.setFloat64(at, random() * 2 - 1, true);
    else if (datatype === "FP16") view.setFloat16(at, random() * 2 - 1, true);
    else bytes[at] = random() < 0.5 ? 0 : 1;
  }
  return { name, datatype, shape: dims, bytes };
}

/** Numerical Recipes' linear congruential generator: the same rows at every load. */
function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function joined(inputs: readonly TensorSpec[], rows: readonly (readonly Tensor[])[]): Tensor[] {
  return inputs.map(({ name, datatype }, index) => {
    const parts = rows.flatMap((row) => row[index] ?? []);
    const shape = [parts.length, ...(parts[0]?.shape.slice(1) ?? [])];
    if (datatype === "BYTES") {
      const strings = parts.flatMap((part) => (part.datatype === "BYTES" ? part.strings : []));
      return { name, datatype, shape, strings };
    }
    const pieces = parts.flatMap((part) => (part.datatype === "BYTES" ? [] : [part.bytes]));
    return { name, datatype, shape, bytes: new Uint8Array(Buffer.concat(pieces)) };
  });
}

function difference(
  together: readonly Tensor[],
  singles: readonly (readonly Tensor[])[],
): string | undefined {
  for (const [index, output] of together.entries()) {
    const rows = singles.map((row) => row[index]);
    if (output.shape[0] !== rows.length || rows.some((row) => row?.shape[0] !== 1)) {
      return `output '${output.name}' does not have one row for each row of the inputs`;
    }
    if (rows.some((row, at) => row === undefined || !sameRow(output, row, at, rows.length))) {
      return `output '${output.name}' of a row depends on the other rows`;
    }
  }
  return undefined;
}

function sameRow(output: Tensor, row: Tensor, at: number, rows: number): boolean {
  if (output.datatype === "BYTES") {
    const each = output.strings.length / rows;
    const own = output.strings.slice(at * each, (at + 1) * each);
    return row.datatype === "BYTES" && own.join("\0") === row.strings.join("\0");
  }
  if (row.datatype !== output.datatype) return false;
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
