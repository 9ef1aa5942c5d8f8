import type { FixedTensor, Tensor } from "../../src/domain/tensor.ts";
import { convert } from "../../src/formats/convert.ts";
import { runStages } from "../../src/formats/stages/run.ts";
import { Graph } from "../../src/runtime/graph.ts";
import { createSession } from "../../src/runtime/session.ts";

/**
 * How many single rows a second the lowered graph of a file answers, without a server: what
 * forest.py measures of the library, of thaw. Prints JSON with the labels of the rows that are
 * given; the rows that are timed are others.
 *
 * node forest.ts FILE ROWS        ROWS: JSON
 */

const [file = "", given = "[]"] = process.argv.slice(2);
const rows: readonly (readonly number[])[] = JSON.parse(given);
const width = rows[0]?.length ?? 0;
const model = await convert(file, "pickle");
const session = await createSession({ source: model.graph, threads: 1, exact: true });
const carriers = { inputs: new Map(), outputs: new Map() };
const graph = new Graph(session, carriers, (inputs) => runStages(model.stages, inputs));
const name = model.signature.feeds[0]?.name ?? "";

function tensorOf(row: readonly number[]): FixedTensor {
  const bytes = new Uint8Array(Float64Array.from(row).buffer);
  return { name, datatype: "FP64", shape: [1, width], bytes };
}

async function labelOf(input: Tensor): Promise<number> {
  const [answer] = await graph.infer([input], [model.signature.method]);
  if (answer === undefined || answer.datatype !== "INT64") throw new Error("no label");
  return Number(new BigInt64Array(Uint8Array.from(answer.bytes).buffer)[0]);
}

const labels: number[] = [];
for (const row of rows) labels.push(await labelOf(tensorOf(row)));
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(7 * Math.random());
const others = Array.from({ length: 1_000 }, () => tensorOf(Array.from({ length: width }, normal)));
let asked = 0;
const start = performance.now();
while (performance.now() - start < 5_000) {
  const input = others[asked % others.length];
  if (input !== undefined) await labelOf(input);
  asked += 1;
}
const perSecond = (asked * 1_000) / (performance.now() - start);
console.log(JSON.stringify({ labels, perSecond }));
await graph.release();
