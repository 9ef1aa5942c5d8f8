import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ObjectServer } from "../test/storage/object-server.ts";

/**
 * 1. A large object over curl with 8 ranges, from a store with 40 MB/s and 20 ms for each
 *    connection, and from one without bounds; and the memory that the pull takes.
 * 2. Start of the process → ready, with Iris from S3, cold and warm, over the same with a file.
 * `node bench/storage.ts [rounds]`; it needs curl and the bundle.
 */

const rounds = Number(process.argv[2] ?? 3);
const objectBytes = 512 * 2 ** 20;
const ranges = 8;
const program = join(import.meta.dirname, "../dist/thaw.js");
const iris = join(import.meta.dirname, "../models/iris/model.onnx");
const scratch = mkdtempSync(join(tmpdir(), "thaw-bench-"));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function output(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`a process ended with ${code}`);
  return text;
}

async function openStore(rate: number, latencyMs: number) {
  const file = join(import.meta.dirname, "load/object-store.ts");
  const words = [file, String(objectBytes), String(rate), String(latencyMs)];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  return { child, url: `http://127.0.0.1:${Number(line)}/model.bin` };
}

async function curl(url: string): Promise<number> {
  const size = objectBytes / ranges;
  const startMs = performance.now();
  const runs = Array.from({ length: ranges }, (_, at) => {
    const range = `${at * size}-${(at + 1) * size - 1}`;
    const target = join(scratch, `part-${at}`);
    return output(spawn("curl", ["-sS", "-r", range, "-o", target, url]));
  });
  await Promise.all(runs);
  return performance.now() - startMs;
}

async function thaw(url: string): Promise<{ ms: number; riseMiB: number }> {
  const cache = mkdtempSync(join(scratch, "cache-"));
  const puller = join(import.meta.dirname, "load/puller.ts");
  const found = JSON.parse(await output(spawn(process.execPath, [puller, url, cache])));
  rmSync(cache, { recursive: true });
  return found;
}

async function compare(what: string, rate: number, latencyMs: number): Promise<void> {
  const { child, url } = await openStore(rate, latencyMs);
  const theirs: number[] = [];
  const ours: { ms: number; riseMiB: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    theirs.push(await curl(url));
    ours.push(await thaw(url));
  }
  child.kill();
  const curlMs = median(theirs);
  const thawMs = median(ours.map(({ ms }) => ms));
  const mbPerSecond = (ms: number) => (objectBytes / 1e6 / (ms / 1_000)).toFixed(0);
  const share = ((100 * curlMs) / thawMs).toFixed(0);
  const rise = Math.max(...ours.map(({ riseMiB }) => riseMiB)).toFixed(0);
  console.log(
    `${what}: curl ${mbPerSecond(curlMs)} MB/s, thaw ${mbPerSecond(thawMs)} MB/s = ${share} %; ` +
      `memory while pulling: idle + ${rise} MiB (goal 64)`,
  );
}

async function startMs(source: string, cache: string, env: NodeJS.ProcessEnv): Promise<number> {
  const words = [program, "serve", source, "--port", "0", "--host", "127.0.0.1", "--linger", "0"];
  const begin = performance.now();
  const child = spawn(process.execPath, [...words, "--cache-dir", cache], { env, stdio: "pipe" });
  let text = "";
  const ms = await new Promise<number>((resolve) => {
    child.stderr.on("data", (chunk) => {
      text += chunk;
      if (text.includes('"serving"')) resolve(performance.now() - begin);
    });
  });
  child.kill("SIGTERM");
  await once(child, "exit");
  return ms;
}

async function starts(): Promise<void> {
  const file = { "iris/1/model.onnx": await readFile(iris) };
  const store = await new ObjectServer({ bucket: file }).listen();
  const keys = { AWS_ACCESS_KEY_ID: "ID", AWS_SECRET_ACCESS_KEY: "SECRET" };
  const env = { ...process.env, ...keys, AWS_ENDPOINT_URL: store.origin };
  const times = { local: [] as number[], cold: [] as number[], warm: [] as number[] };
  for (let round = 0; round < rounds * 4; round += 1) {
    const cache = mkdtempSync(join(scratch, "start-"));
    times.local.push(await startMs(`iris=${iris}`, cache, env));
    times.cold.push(await startMs("iris=s3://bucket/iris", cache, env));
    times.warm.push(await startMs("iris=s3://bucket/iris", cache, env));
  }
  await store.close();
  const local = median(times.local);
  const ratio = (ms: number) => `${ms.toFixed(0)} ms = ${(ms / local).toFixed(2)}×`;
  console.log(
    `start: local ${local.toFixed(0)} ms, cold S3 ${ratio(median(times.cold))} (goal 3), ` +
      `warm ${ratio(median(times.warm))} (goal 1.5)`,
  );
}

await compare("40 MB/s and 20 ms a connection", 40e6, 20);
await compare("no bounds", 0, 0);
await starts();
rmSync(scratch, { recursive: true });
