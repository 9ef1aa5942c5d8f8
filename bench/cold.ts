import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bake } from "../src/cli/bake.ts";
import { temporaryFolder } from "./load/bundle.ts";
import { firstAnswer } from "./load/first.ts";
import { irisPath, saveDeep } from "./load/models.ts";
import { checkIrisGrpc, checkIrisRest, irisGrpc, irisRest, predictJson } from "./load/requests.ts";
import { median } from "./load/rounds.ts";

/**
 * Start of the process → first correct answer, its value compared, over a bare start of Node and
 * over an empty Piscina worker that runs Iris, all in turn. `node bench/cold.ts [runs] [cpu]`: with a
 * CPU, all are pinned to that one (by `taskset`), and the client has the others.
 */

const runs = Number(process.argv[2] ?? 20);
const port = 18_099;
const cpu = process.argv[3];
const goals = { bare: cpu === undefined ? 3.5 : 8, floor: 1.15 };
const root = join(import.meta.dirname, "..");
const program = join(root, "dist/thaw.js");
const booster = "test/formats/goldens/boosters/3.4.1-4.7.0/xgb-softmax-gbtree.ubj";
const flower = { instances: [[6.8, 2.8, 4.8, 1.4]] };

interface Case {
  readonly name: string;
  readonly source: string;
  readonly kind: "rest" | "grpc";
  readonly request: Buffer;
  readonly check: (body: Buffer) => void;
  /** What was converted is there already. */
  readonly warm?: boolean;
}

function predicts(...expected: readonly number[]): (body: Buffer) => void {
  return (body) => {
    const { predictions } = JSON.parse(body.toString());
    if (String(predictions) !== String(expected)) throw new Error(`expected ${expected}: ${body}`);
  };
}

const sklearn = {
  source: `iris=${join(root, "models/iris-sklearn/model.joblib")}`,
  kind: "rest",
  request: predictJson("iris", JSON.stringify(flower)),
  check: predicts(1),
} as const;
const xgboost = {
  source: `iris=${join(root, booster)}`,
  kind: "rest",
  request: predictJson("iris", JSON.stringify({ instances: [[0, 0, 0, 0]] })),
  check: predicts(1),
} as const;
const onnx = { source: `iris=${irisPath}` } as const;
const deepPath = saveDeep();
const bakedPath = saveDeep();
await bake([dirname(bakedPath)]);
const deep = {
  kind: "rest",
  request: predictJson("deep", JSON.stringify({ instances: [new Array(48).fill(0.5)] })),
  check: (body: Buffer) => {
    const [row] = JSON.parse(body.toString()).predictions;
    if (row.length !== 48 || !row.every(Number.isFinite)) throw new Error(`${body}`);
  },
} as const;
const cases: readonly Case[] = [
  { name: "ONNX, REST", ...onnx, kind: "rest", request: irisRest, check: checkIrisRest },
  { name: "ONNX, gRPC", ...onnx, kind: "grpc", request: irisGrpc, check: checkIrisGrpc },
  { name: "scikit-learn", ...sklearn },
  { name: "scikit-learn, second start", ...sklearn, warm: true },
  { name: "XGBoost", ...xgboost },
  { name: "XGBoost, second start", ...xgboost, warm: true },
  { name: "ONNX of 960 nodes", ...deep, source: `deep=${deepPath}` },
  { name: "the same, baked", ...deep, source: `deep=${bakedPath}` },
];

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

const children = new Set<ChildProcess>();
// A benchmark that fails leaves no server behind.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts Node with these arguments, on the one CPU if there is one. */
function node(args: readonly string[], env = process.env): ChildProcess {
  const options = { env, stdio: "ignore" } as const;
  const child =
    cpu === undefined
      ? spawn(process.execPath, args, options)
      : spawn("taskset", ["-c", cpu, process.execPath, ...args], options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function untilEnd(...args: readonly string[]): Promise<number> {
  const start = performance.now();
  const code = await ended(node(args));
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
  return performance.now() - start;
}

const warmCache = temporaryFolder();

async function coldStart({ source, kind, request, check, warm = false }: Case): Promise<number> {
  const cache = warm ? warmCache : mkdtempSync(join(tmpdir(), "thaw-cold-"));
  const start = performance.now();
  const child = node([program, "serve", source, "--port", String(port), "--host", "127.0.0.1"], {
    ...process.env,
    THAW_LINGER: "0",
    TMPDIR: cache,
  });
  const exit = ended(child);
  await firstAnswer(child, { port, kind, request, check });
  const took = performance.now() - start;
  child.kill("SIGTERM");
  await exit;
  if (!warm) rmSync(cache, { recursive: true });
  return took;
}

const bare: number[] = [];
const floor: number[] = [];
const cold = cases.map(() => [] as number[]);
for (const one of cases) if (one.warm === true) await coldStart(one);
for (let run = 0; run < runs; run += 1) {
  bare.push(await untilEnd("-e", "0"));
  floor.push(await untilEnd(join(import.meta.dirname, "load/floor.mjs"), irisPath));
  for (const [at, one] of cases.entries()) cold[at]?.push(await coldStart(one));
}
const cpus = cpu === undefined ? availableParallelism() : 1;
console.log(`medians of ${runs} runs, ${cpus} CPUs; multiples of a bare start and of the floor`);
console.log(`bare node                   ${median(bare).toFixed(1).padStart(6)} ms`);
const floorRatio = (median(floor) / median(bare)).toFixed(2);
console.log(
  `empty worker that runs Iris ${median(floor).toFixed(1).padStart(6)} ms  ${floorRatio}`,
);
for (const [at, { name }] of cases.entries()) {
  const ms = median(cold[at] ?? []);
  const [overBare, overFloor] = [ms / median(bare), ms / median(floor)];
  const met = overBare <= goals.bare && overFloor <= goals.floor;
  const goal = at === 0 ? ` (goals ≤ ${goals.bare}, ≤ ${goals.floor}${met ? "" : "; missed"})` : "";
  const ratios = `${overBare.toFixed(2)}  ${overFloor.toFixed(2)}`;
  console.log(`${name.padEnd(27)} ${ms.toFixed(1).padStart(6)} ms  ${ratios}${goal}`);
}
