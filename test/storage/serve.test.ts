import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { copyFile, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bake } from "../../src/cli/bake.ts";
import { pullPartBytes } from "../../src/domain/limits.ts";
import { http1, inferBody } from "../support/http.ts";
import { externalModel } from "../support/models.ts";
import { irisModel, spawnServer, startServer } from "../support/server.ts";
import { ObjectServer } from "./object-server.ts";
import { environment, secrets, unfinished } from "./schemes.ts";

/** The whole server, from stores. */

const sklearnModel = join(import.meta.dirname, "../../models/iris-sklearn/model.joblib");
const weightsCount = (2 * pullPartBytes) / 4;
let store: ObjectServer;
let iris: Buffer;

beforeAll(async () => {
  iris = await readFile(irisModel);
  const tar = pack();
  tar.entry({ name: "1/model.onnx" }, iris);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
  const weights = Buffer.from(Float32Array.from({ length: weightsCount }, (_, at) => at).buffer);
  const files = {
    "iris/1/model.onnx": iris,
    "iris/README.md": Buffer.from("not needed"),
    "iris.tar.gz": gzipSync(Buffer.concat(chunks)),
    "large/1/model.onnx": Buffer.from(externalModel("weights/a b.bin", weightsCount)),
    "large/1/weights/a b.bin": weights,
    "large/1/weights/other.bin": Buffer.from("of another graph"),
    "large/1/checkpoint.bin": Buffer.from("not needed"),
    "baked/model.joblib": await readFile(sklearnModel),
    "baked/notes.csv": Buffer.from("not needed"),
  };
  store = await new ObjectServer({ bucket: files, "org/repo": files }).listen();
});

afterAll(() => store.close());

function cacheFolder(): string {
  return mkdtempSync(join(tmpdir(), "thaw-serve-"));
}

function noSecretIn(text: string): void {
  for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/v2/models/iris/ready`);
  await answer.arrayBuffer();
  return answer.status === 200;
}

describe("thaw serve", () => {
  it.each([
    ["s3", () => "s3://bucket/iris"],
    ["s3 with its endpoint", () => `s3://127.0.0.1:${store.port}/bucket/iris/1/model.onnx`],
    ["gs", () => "gs://bucket/iris"],
    ["the Hub", () => "hf://org/repo/iris"],
    ["http", () => `${store.origin}/bucket/iris/1/model.onnx`],
    ["an archive", () => "s3://bucket/iris.tar.gz"],
  ])("serves from %s, and again from the cache", async (_, uri) => {
    const cache = cacheFolder();
    const args = [`iris=${uri()}`, "--cache-dir", cache];
    for (const offline of [false, true]) {
      const more = offline ? ["--offline", "true"] : [];
      const before = store.seen.length;
      const server = await startServer({
        args: [...args, ...more],
        env: environment(store.origin),
      });
      expect(await isReady(server.port)).toBe(true);
      expect(server.log()).toContain('"event":"pulled"');
      if (offline) expect(store.seen.length).toBe(before);
      expect(await server.stop()).toBe(0);
      noSecretIn(server.log());
      expect(await readdir(join(cache, "v1", "owners"))).toEqual([]);
    }
    expect(store.seen.some(({ url }) => url.includes("README"))).toBe(false);
  });

  it.each([
    { kind: "flip" },
    { kind: "gzip" },
    { kind: "long" },
    { kind: "status", status: 403 },
  ] as const)("is never ready when what comes is wrong: $kind", async (fault) => {
    store.fault = ({ content }) => (content ? fault : undefined);
    const cache = cacheFolder();
    const args = ["iris=s3://bucket/iris", "--cache-dir", cache];
    const started = spawnServer({ args, env: environment(store.origin) });
    expect(await started.ended).toBe(1);
    store.fault = () => undefined;
    const last = started.log().trim().split("\n").at(-1);
    expect(last).toMatch(
      /^thaw: model 'iris' cannot be loaded: source 's3:\/\/bucket\/iris' cannot be read: ./,
    );
    noSecretIn(started.log());
    expect(started.log()).not.toContain('"event":"serving"');
    expect(await unfinished(cache)).toEqual([]);
    expect(await readdir(join(cache, "v1", "entries"))).toEqual([]);
  });

  it("pulls what a graph names, and nothing else that is beside it", async () => {
    const before = store.seen.length;
    const args = ["iris=s3://bucket/large", "--cache-dir", cacheFolder()];
    const server = await startServer({ args, env: environment(store.origin) });
    expect(await isReady(server.port)).toBe(true);
    expect(await server.stop()).toBe(0);
    const asked = store.seen.slice(before).filter(({ content }) => content);
    const paths = new Set(asked.map(({ url }) => decodeURIComponent(url.replace(/\?.*/, ""))));
    expect([...paths].sort()).toEqual([
      "/bucket/large/1/model.onnx",
      "/bucket/large/1/weights/a b.bin",
    ]);
  });

  it("pulls what was baked of a model, and converts nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "thaw-bake-"));
    await copyFile(sklearnModel, join(folder, "model.joblib"));
    await bake([folder]);
    const bucket = store.objects["bucket"] ?? {};
    for (const name of await readdir(join(folder, ".thaw/converted"))) {
      const baked = await readFile(join(folder, ".thaw/converted", name));
      bucket[`baked/.thaw/converted/${name}`] = baked;
    }
    const cache = cacheFolder();
    const args = ["iris=s3://bucket/baked", "--cache-dir", cache];
    const server = await startServer({ args, env: environment(store.origin) });
    const body = '{"instances":[[6.8,2.8,4.8,1.4]]}';
    const reply = await http1(server.port, { path: "/v1/models/iris:predict", body });
    expect(reply.json()).toEqual({ predictions: [1] });
    expect(await server.stop()).toBe(0);
    expect(await readdir(cache)).toEqual(["v1"]);
    expect(store.seen.some(({ url }) => url.includes("notes.csv"))).toBe(false);
  });

  it("waits for a store that is not there yet, and ends when it is told to", async () => {
    // Nobody listens on the port of discard.
    const started = spawnServer({ args: ["m=http://127.0.0.1:9/model.onnx", "--linger", "0"] });
    while (!started.log().includes("source not there yet")) await wait(20);
    started.process.kill("SIGTERM");
    expect(await started.ended).toBe(0);
    expect(started.log()).not.toContain('"event":"serving"');
  });

  it("stays alive for a store whose files cannot be had for a while", async () => {
    let failing = true;
    store.fault = ({ content }) =>
      content && failing ? { kind: "status", status: 503 } : undefined;
    const args = ["iris=s3://bucket/iris", "--cache-dir", cacheFolder()];
    const started = spawnServer({ args, env: environment(store.origin) });
    while (!started.log().includes("model failed")) await wait(20);
    failing = false;
    while (!started.log().includes('"event":"serving"')) {
      expect(started.process.exitCode, started.log()).toBe(null);
      await wait(50);
    }
    store.fault = () => undefined;
    started.process.kill("SIGTERM");
    expect(await started.ended).toBe(0);
  }, 120_000);

  it("thaw fetch ends when it is told to", async () => {
    store.fault = ({ content }) => (content ? { kind: "stall" } : undefined);
    const before = store.contents;
    const main = join(import.meta.dirname, "../../dist/thaw.js");
    const env = { ...process.env, ...environment(store.origin) };
    const fetching = spawn(process.execPath, [main, "fetch", "s3://bucket/iris", cacheFolder()], {
      env,
    });
    const ended = new Promise((resolve) => fetching.once("exit", (_, signal) => resolve(signal)));
    while (store.contents === before) await wait(5);
    fetching.kill("SIGTERM");
    expect(await ended).toBe("SIGTERM");
    store.fault = () => undefined;
  });

  it("sends nothing to the makers of ONNX Runtime, and leaves none of their files", async () => {
    const folder = cacheFolder();
    const server = await startServer({ args: [`iris=${irisModel}`], env: { TMPDIR: folder } });
    expect(await server.stop()).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it("ends at once when it is told to while it pulls", async () => {
    store.fault = ({ content }) => (content ? { kind: "stall" } : undefined);
    const before = store.contents;
    const cache = cacheFolder();
    const args = ["iris=s3://bucket/iris", "--cache-dir", cache];
    const started = spawnServer({ args, env: environment(store.origin) });
    while (store.contents === before) await wait(5);
    started.process.kill("SIGTERM");
    expect(await started.ended).toBe(0);
    store.fault = () => undefined;
    expect(await unfinished(cache)).toEqual([]);
  });

  it("is right after kill -9 at any moment of a pull", async () => {
    const cache = cacheFolder();
    const args = ["iris=s3://bucket/large", "--cache-dir", cache];
    for (let round = 0; round < Number(process.env["THAW_KILLS"] ?? 6); round += 1) {
      const before = store.seen.length;
      const killed = spawnServer({ args, env: environment(store.origin) });
      while (store.seen.length === before) await wait(1);
      await wait(Math.random() * 250);
      killed.process.kill("SIGKILL");
      await killed.ended;
      const server = await startServer({ args, env: environment(store.origin) });
      expect(await isReady(server.port)).toBe(true);
      const [owner = "", ...others] = await readdir(join(cache, "v1", "owners"));
      expect(others).toEqual([]);
      const held = await readdir(join(cache, "v1", "owners", owner));
      const [scratch = ""] = held.filter((name) => name.startsWith("scratch-"));
      const snapshot = join(cache, "v1", "owners", owner, scratch, "1");
      const weights = store.objects["bucket"]?.["large/1/weights/a b.bin"];
      const found = await readFile(join(snapshot, "weights/a b.bin"));
      expect(found.equals(weights ?? iris)).toBe(true);
      const asked = [0, weightsCount - 1];
      const input = { name: "x", datatype: "INT64", shape: [2], data: asked };
      const body = inferBody([input]);
      const reply = await http1(server.port, { path: "/v2/models/iris/infer", body });
      expect(reply.json().outputs[0].data).toEqual(asked);
      expect(await server.stop()).toBe(0);
      // Every second round begins with nothing in the cache.
      if (round % 2 === 1) continue;
      for (const key of await readdir(join(cache, "v1", "entries"))) {
        await rm(join(cache, "v1", "entries", key), { recursive: true });
      }
    }
  }, 600_000);
});
