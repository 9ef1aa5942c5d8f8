import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bake } from "../../src/cli/bake.ts";
import { http1 } from "../support/http.ts";
import { temporaryFolder } from "../support/models.ts";
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

it("says when there is nothing to bake", async () => {
  expect(await bake([temporaryFolder()])).toMatch(/nothing to bake/);
  await expect(bake(["/no/such/folder"])).rejects.toThrow(/Usage: thaw bake FOLDER/);
});
