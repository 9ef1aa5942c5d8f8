import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bake } from "../../src/cli/bake.ts";
import { bakedGraphVersion } from "../../src/formats/baked.ts";
import { http1, inferBody } from "../support/http.ts";
import { externalModel, offsetModel, save, temporaryFolder } from "../support/models.ts";
import { startServer } from "../support/server.ts";

const root = join(import.meta.dirname, "../..");
const sklearn = join(root, "models/iris-sklearn/model.joblib");
const booster = join(root, "test/formats/goldens/boosters/3.4.1-4.7.0/lgb-binary-gbdt.txt");

function folderOf(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "iris"));
  mkdirSync(join(folder, "light/1"), { recursive: true });
  copyFileSync(sklearn, join(folder, "iris/model.joblib"));
  copyFileSync(booster, join(folder, "light/1/model.txt"));
  writeFileSync(join(folder, "iris/requirements.txt"), "scikit-learn\\n");
  writeFileSync(join(folder, "light/notes.json"), "{}");
  return folder;
}

async function answers(folder: string): Promise<{ predictions: unknown; kept: string[] }> {
  const cache = temporaryFolder();
  const server = await startServer({
    args: ["--repository", folder, "--load", "eager", "--cache-dir", cache],
  });
  const body = '{"instances":[[6.8,2.8,4.8,1.4]]}';
  const iris = await http1(server.port, { path: "/v1/models/iris:predict", body });
  const light = await http1(server.port, { path: "/v1/models/light:predict", body });
  expect(await server.stop()).toBe(0);
  const kept = readdirSync(cache).includes("converted")
    ? readdirSync(join(cache, "converted"))
    : [];
  return { predictions: [iris.json(), light.json()], kept };
}

it("thaw bake keeps graphs beside models, and servers convert nothing", async () => {
  const folder = folderOf();
  const plain = await answers(folder);
  expect(plain.kept).toHaveLength(4);
  const text = await bake([folder]);
  expect(text).toBe(
    "iris/model.joblib: SVC, ready to be served\nlight/1/model.txt: Booster, ready to be served\n",
  );
  const baked = await answers(folder);
  expect(baked).toEqual({ predictions: plain.predictions, kept: [] });
});

it("what was baked is not used for another content", async () => {
  const folder = folderOf();
  await bake([folder]);
  rmSync(join(folder, "light"), { recursive: true });
  mkdirSync(join(folder, "light"));
  copyFileSync(booster, join(folder, "light/model.txt"));
  // Another model in the place of the one that was baked.
  copyFileSync(
    join(root, "test/formats/goldens/sklearn/1.9.1/GaussianNB-0.joblib"),
    join(folder, "iris/model.joblib"),
  );
  expect((await answers(folder)).kept).toHaveLength(4);
});

const input = { name: "x", datatype: "FP32", shape: [2], data: [1, 2] };

/** What a server of the folder says of x = 1 and 2. */
async function offsets(folder: string): Promise<unknown> {
  const server = await startServer({ args: [`offset=${folder}`, "--workers", "1"] });
  const path = "/v2/models/offset/infer";
  const reply = await http1(server.port, { path, body: inferBody([input]) });
  expect(await server.stop()).toBe(0);
  return reply.json().outputs[0].data;
}

function graphIn(folder: string): string {
  const graphs = join(folder, ".thaw/graphs");
  const name = readdirSync(graphs).find((one) => one.endsWith(".onnx"));
  return join(graphs, name ?? "");
}

it("keeps graphs optimised, which are used as long as the file is the one they are of", async () => {
  const folder = temporaryFolder();
  save(join(folder, "model.onnx"), offsetModel(10));
  expect(await bake([folder])).toBe("model.onnx: optimised, batchable\n");
  expect(await offsets(folder)).toEqual([11, 12]);
  // Another graph in its place shows that it is this one that runs.
  save(graphIn(folder), offsetModel(500));
  expect(await offsets(folder)).toEqual([501, 502]);
  save(join(folder, "model.onnx"), offsetModel(20));
  expect(await offsets(folder)).toEqual([21, 22]);
});

it("names the ONNX Runtime that optimised a graph", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(bakedGraphVersion).toContain(`ort-${dependencies["onnxruntime-node"]}`);
});

it("a graph that was baked and is damaged is not missed", async () => {
  const folder = temporaryFolder();
  save(join(folder, "model.onnx"), offsetModel(10));
  await bake([folder]);
  writeFileSync(graphIn(folder), "torn");
  expect(await offsets(folder)).toEqual([11, 12]);
});

it("leaves graphs alone whose weights are elsewhere, and says what cannot be loaded", async () => {
  const folder = temporaryFolder();
  save(join(folder, "a/model.onnx"), externalModel("weights.bin", 4));
  writeFileSync(join(folder, "a/weights.bin"), new Float32Array(4));
  expect(await bake([folder])).toBe(
    "a/model.onnx: served as it is: its weights are in other files\n",
  );
  writeFileSync(join(folder, "torn.onnx"), "this is a poem");
  await expect(bake([folder])).rejects.toThrow(/^torn\.onnx: not an ONNX model/);
});

it("says when there is nothing to bake", async () => {
  expect(await bake([temporaryFolder()])).toMatch(/nothing to bake/);
  await expect(bake(["/no/such/folder"])).rejects.toThrow(/Usage: thaw bake FOLDER/);
});
