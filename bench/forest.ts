import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { installPython } from "../test/clients/install.ts";
import { run } from "../test/clients/program.ts";
import { imageEnvironment } from "../test/support/image.ts";
import { copyBundle, temporaryFolder } from "./load/bundle.ts";
import { Generator } from "./load/generate.ts";
import { watchLiveness } from "./load/liveness.ts";
import { predictJson } from "./load/requests.ts";
import { type Server, startServer } from "./load/server.ts";

/**
 * Forests of scikit-learn, fitted on the spot: single rows a second over scikit-learn's own predict
 * on the same core, by a call and through the server; then a file of about 100 MB: memory after its load and at the peak over the
 * file's size, and how late the event loop answers meanwhile over idle. Needs PyPI. Linux only.
 * Run as `node bench/forest.ts`.
 */

const cpu = "0";
const mebi = 2 ** 20;
const env = imageEnvironment();
const goals = { speed: 50, resident: 4, peak: 6, delayMs: 20 };
const generator = new Generator("1");
const program = copyBundle();
const { program: python, version } = await installPython("scikit-learn", ["scikit-learn"]);
console.log(version);

interface Forest {
  readonly path: string;
  readonly rows: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly perSecond: number;
}

async function fitted(trees: number, rows: number): Promise<Forest> {
  const path = join(temporaryFolder(), "model.joblib");
  const maker = join(import.meta.dirname, "load/forest.py");
  const words = ["-c", cpu, python, maker, path, String(trees), String(rows)];
  const { code, stdout, stderr } = await run("taskset", words, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(stderr);
  return { path, ...JSON.parse(stdout) };
}

function serve(path: string, ...more: string[]): Promise<Server> {
  const words = ["serve", path, ...more, "--workers", "1", "--host", "127.0.0.1"];
  return startServer([program, ...words, "--cache-dir", temporaryFolder()], { cpus: cpu, env });
}

/** Clients that ask for one row, after a look at what all rows are told. */
async function open(server: Server, { rows, labels }: Forest, clients: number) {
  const target = { kind: "rest", port: server.port, clients } as const;
  const all = await generator.open(
    target,
    predictJson("forest", JSON.stringify({ instances: rows })),
  );
  const { predictions } = JSON.parse(all.first.toString());
  if (String(predictions) !== String(labels)) throw new Error(`${predictions} for ${labels}`);
  const body = JSON.stringify({ instances: rows.slice(0, 1) });
  return generator.open(target, predictJson("forest", body));
}

function verdict(value: number, goal: number, atLeast: boolean): string {
  const met = atLeast ? value >= goal : value <= goal;
  return `${value.toFixed(1)} (goal ${atLeast ? "≥" : "≤"} ${goal}${met ? "" : ", missed"})`;
}

/** The same question to the lowered graph, by a call as the library's predict is one. */
async function compareCalls({ path, rows, labels, perSecond }: Forest): Promise<void> {
  const caller = join(import.meta.dirname, "load/forest.ts");
  const words = ["-c", cpu, process.execPath, caller, path, JSON.stringify(rows)];
  const { code, stdout, stderr } = await run("taskset", words, { timeoutMs: 60_000, env });
  if (code !== 0) throw new Error(stderr);
  const own = JSON.parse(stdout);
  if (String(own.labels) !== String(labels)) throw new Error(`${own.labels} for ${labels}`);
  const ratio = verdict(own.perSecond / perSecond, goals.speed, true);
  const rates = `${own.perSecond.toFixed(0)}/s over ${perSecond.toFixed(0)}/s`;
  console.log(`100 trees, rows one by one, without a server: ratio ${ratio}, ${rates}`);
}

async function compareSpeed(): Promise<void> {
  const small = await fitted(100, 1_000);
  await compareCalls(small);
  const server = await serve(`forest=${small.path}`);
  for (const count of [1, 8, 64]) {
    const clients = await open(server, small, count);
    await clients.run({ ms: 500 });
    const { perSecond } = await clients.run({ ms: 3_000 });
    const ratio = verdict(perSecond / small.perSecond, goals.speed, true);
    const rates = `${perSecond.toFixed(0)}/s over ${small.perSecond.toFixed(0)}/s`;
    console.log(`100 trees, rows one by one, ${count} clients: ratio ${ratio}, ${rates}`);
  }
  await server.stop();
}

async function weigh(): Promise<void> {
  const large = await fitted(100, 45_000);
  const bytes = statSync(large.path).size;
  const repository = temporaryFolder();
  mkdirSync(join(repository, "forest"));
  copyFileSync(large.path, join(repository, "forest/model.joblib"));
  const lazy = await serve("--repository", repository, "--load", "lazy");
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await wait(2_000);
  const idle = await watchLiveness(lazy.port, wait(3_000));
  const before = lazy.residentBytes();
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, lazy.residentBytes());
  }, 5);
  const start = performance.now();
  const opening = open(lazy, large, 1);
  const busy = await watchLiveness(lazy.port, opening);
  await opening;
  const tookMs = performance.now() - start;
  clearInterval(watch);
  await wait(3_000);
  const resident = lazy.residentBytes() - before;
  console.log(
    `a file of ${(bytes / mebi).toFixed(0)} MiB, first answer in ${tookMs.toFixed(0)} ms:`,
  );
  console.log(
    `  memory after the load over the file ${verdict(resident / bytes, goals.resident, false)}`,
  );
  console.log(`  at the peak ${verdict((peak - before) / bytes, goals.peak, false)}`);
  const delay = verdict(busy.p99Ms - idle.p99Ms, goals.delayMs, false);
  console.log(`  p99 of liveness ${busy.p99Ms.toFixed(1)} ms, ${delay} ms more than idle`);
  await lazy.stop();
}

await compareSpeed();
await weigh();
generator.close();
