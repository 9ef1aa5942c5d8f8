import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeModel } from "../src/formats/onnx/writer.ts";
import { copyBundle, temporaryFolder } from "./load/bundle.ts";
import { Generator } from "./load/generate.ts";
import { irisPath } from "./load/models.ts";
import { predictJson, restBinary, restJson } from "./load/requests.ts";
import { median } from "./load/rounds.ts";
import { startServer } from "./load/server.ts";

/**
 * Small requests that come by time, alone and beside JSON bodies of 16 MiB that follow one another:
 * p99 over p99 when idle. Beside the same tensor as bytes too, since receiving has its price. Run as
 * `node bench/big-json.ts [rounds]`; the rounds take turns.
 */

const rounds = Number(process.argv[2] ?? 7);
const perSecond = 400;
const roundMs = 2_000;
const bodyBytes = 16 * 2 ** 20;

/** x FP32 [-1] → y FP32 []: its mean, so that the answer is small. */
const mean = writeModel(
  {
    name: "mean",
    nodes: [
      {
        op: "ReduceMean",
        inputs: ["x"],
        outputs: ["y"],
        attributes: { keepdims: { int: 0 } },
      },
    ],
    initializers: [],
    inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
    outputs: [{ name: "y", datatype: "FP32", shape: [] }],
  },
  { opsets: { "": 17 } },
);
const path = join(temporaryFolder(), "mean.onnx");
writeFileSync(path, mean);

const numbers: number[] = [];
for (let bytes = 0; bytes < bodyBytes; bytes += String(numbers.at(-1)).length + 1) {
  numbers.push(2 * Math.random() - 1);
}
const shape = [numbers.length];
const inputs = [{ name: "x", datatype: "FP32", shape, data: numbers }];
const json = restJson("mean", JSON.stringify({ inputs }));
const v1 = predictJson("mean", JSON.stringify({ inputs: { x: numbers } }));
const binary = restBinary({
  model: "mean",
  input: "x",
  shape,
  values: Float32Array.from(numbers),
});

const server = await startServer([
  ...[copyBundle(), "serve", `iris=${irisPath}`, `mean=${path}`],
  ...["--workers", "2", "--host", "127.0.0.1"],
]);
const generator = new Generator();
const bigGenerator = new Generator();
const target = { kind: "rest", port: server.port } as const;
const small = await generator.openIris("rest", server.port, 64);
const big = {
  json: await bigGenerator.open({ ...target, clients: 1 }, json),
  "two of json": await bigGenerator.open({ ...target, clients: 2 }, json),
  v1: await bigGenerator.open({ ...target, clients: 1 }, v1),
  binary: await bigGenerator.open({ ...target, clients: 1 }, binary),
};

interface Round {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the big bodies. */
  readonly bigMs: number;
}

async function round(beside: keyof typeof big | "idle"): Promise<Round> {
  const bodies = beside === "idle" ? undefined : big[beside].run({ ms: roundMs });
  const { byStatus, unsent } = await small.flood(perSecond, roundMs);
  const bigRound = await bodies;
  const answered = byStatus["200"];
  const others = Object.keys({ ...byStatus, ...bigRound?.statuses }).filter((key) => key !== "200");
  if (answered === undefined || unsent > 0 || others.length > 0) {
    throw new Error(`${beside}: ${unsent} unsent, answers by status ${others}`);
  }
  return { ...answered, bigMs: bigRound?.latencies.p50Ms ?? 0 };
}

const kinds = ["idle", "json", "two of json", "v1", "binary"] as const;
const measured = new Map(kinds.map((kind) => [kind, [] as Round[]]));
for (let turn = -1; turn < rounds; turn += 1) {
  for (const kind of kinds) {
    const figures = await round(kind);
    // The first is the warm-up.
    if (turn >= 0) measured.get(kind)?.push(figures);
  }
}
const of = (kind: (typeof kinds)[number], key: keyof Round) =>
  median((measured.get(kind) ?? []).map((figures) => figures[key]));
console.log(
  `small requests at ${perSecond}/s beside bodies of ${(json.length / 2 ** 20).toFixed(1)} MiB; ` +
    `medians of ${rounds} rounds of ${roundMs / 1_000} s`,
);
for (const kind of kinds) {
  const ratio = (of(kind, "p99Ms") / of("idle", "p99Ms")).toFixed(1);
  console.log(
    `${kind.padEnd(12)} p99 ÷ idle ${ratio.padStart(5)}   p50 ${of(kind, "p50Ms").toFixed(2)} ` +
      `p99 ${of(kind, "p99Ms").toFixed(2)} max ${of(kind, "maxMs").toFixed(1)} ms, ` +
      `big ${of(kind, "bigMs").toFixed(0)} ms`,
  );
}
generator.close();
bigGenerator.close();
await server.stop();
