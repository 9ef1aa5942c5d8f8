import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { http1, inferBody } from "../test/support/http.ts";
import { imageEnvironment } from "../test/support/image.ts";
import { offsetModel, save, slowModel, tablesModel } from "../test/support/models.ts";
import { copyBundle } from "./load/bundle.ts";
import { startServer } from "./load/server.ts";

/**
 * 1,000 models in a repository with a budget for about 100, asked by Zipf's law: how long the start,
 * a request and the index take, and whether memory stays flat. Then large models in and out, ten times
 * each: whether their memory comes back. Run as `node bench/repository.ts [requests]`. Linux only.
 */

const requests = Number(process.argv[2] ?? 20_000);
const models = 1_000;
const clients = 16;
const mebi = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "thaw-bench-"));
for (let n = 0; n < models; n += 1) save(join(folder, `m${n}/1/model.onnx`), offsetModel(n));
save(join(folder, "one/1/model.onnx"), slowModel(2_048));
save(join(folder, "many/1/model.onnx"), tablesModel(800, 65_536));
const large = { one: "one weight of 16 MiB", many: "800 weights of 256 KiB" };

const program = copyBundle();
const words = ["--repository", folder, "--repository-api", "--workers", "1", "--host", "127.0.0.1"];
const env = imageEnvironment();
const began = performance.now();
const small = await startServer([program, "serve", ...words, "--memory-budget", "26MiB"], { env });
console.log(`start with ${models} models: ${(performance.now() - began).toFixed(0)} ms`);

const input = { name: "x", datatype: "FP32", shape: [1], data: [1] };
const post = (port: number, path: string, body = "") => http1(port, { path, method: "POST", body });

/** Ranks by Zipf's law, the same in every run. */
function ranks(count: number): number[] {
  const weights = Array.from({ length: models }, (_, rank) => 1 / (rank + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647;
    let left = (state / 2_147_483_647) * total;
    const rank = weights.findIndex((weight) => {
      left -= weight;
      return left <= 0;
    });
    return rank === -1 ? models - 1 : rank;
  });
}

const tookMs: number[] = [];
let wrong = 0;

async function ask(queue: number[]): Promise<void> {
  for (let n = queue.pop(); n !== undefined; n = queue.pop()) {
    const start = performance.now();
    const reply = await post(small.port, `/v2/models/m${n}/infer`, inferBody([input]));
    tookMs.push(performance.now() - start);
    if (reply.status !== 200 || reply.json().outputs[0].data[0] !== n + 1) wrong += 1;
  }
}

async function run(queue: number[]): Promise<void> {
  await Promise.all(Array.from({ length: clients }, () => ask(queue)));
}

await run(ranks(requests / 2));
const before = small.residentBytes() / mebi;
tookMs.length = 0;
await run(ranks(requests / 2));
const after = small.residentBytes() / mebi;
tookMs.sort((a, b) => a - b);
const at = (share: number) => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1);
const indexStart = performance.now();
const index = (await post(small.port, "/v2/repository/index")).json();
const indexMs = performance.now() - indexStart;
const ready = index.filter((entry: { state?: string }) => entry.state === "READY").length;
console.log(`${requests} requests: ${wrong} not right; ${ready} of ${index.length} in memory`);
console.log(`p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(0.9999)} ms`);
console.log(`resident ${before.toFixed(0)} → ${after.toFixed(0)} MiB in the second half`);
console.log(`index of ${index.length}: ${indexMs.toFixed(1)} ms`);
await small.stop();

const roomy = await startServer([program, "serve", ...words], { env });
const inAndOut = async (model: string) => {
  await post(roomy.port, `/v2/repository/models/${model}/load`);
  const loaded = roomy.residentBytes() / mebi;
  await post(roomy.port, `/v2/repository/models/${model}/unload`);
  return [loaded, roomy.residentBytes() / mebi] as const;
};
for (const [model, what] of Object.entries(large)) {
  const empty = roomy.residentBytes() / mebi;
  console.log(`${what}: without it ${empty.toFixed(0)} MiB`);
  for (let round = 1; round <= 10; round += 1) {
    const [loaded, left] = await inAndOut(model);
    if (round % 3 === 1)
      console.log(`  round ${round}: ${loaded.toFixed(0)} → ${left.toFixed(0)} MiB`);
  }
}
await roomy.stop();
