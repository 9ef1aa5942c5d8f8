import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wantedFiles } from "../../src/storage/patterns.ts";
import { ObjectServer } from "../storage/object-server.ts";
import { environment } from "../storage/schemes.ts";
import { temporaryFolder } from "../support/models.ts";

/** `thaw fetch`, with the arguments and the environment of KServe's storage initializer. */

const root = join(import.meta.dirname, "../..");

describe("thaw fetch", () => {
  it("copies what lies on this machine, a tree or a file", async () => {
    const from = temporaryFolder();
    mkdirSync(join(from, "1"));
    writeFileSync(join(from, "1/model.onnx"), "graph");
    writeFileSync(join(from, "config.pbtxt"), "");
    const tree = join(temporaryFolder(), "new/tree");
    const file = temporaryFolder();
    const { code, stderr } = await run([from, tree, `file://${from}/1/model.onnx`, file]);
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(tree, "1/model.onnx"), "utf8")).toBe("graph");
    // Files of no bytes are files, too.
    expect(readFileSync(join(tree, "config.pbtxt"), "utf8")).toBe("");
    expect(readdirSync(tree).sort()).toEqual(["1", "config.pbtxt"]);
    expect(readdirSync(file)).toEqual(["model.onnx"]);
    expect(existsSync(join(from, "1/model.onnx"))).toBe(true);
  });

  it("says why as its last line, and leaves nothing behind", async () => {
    const to = temporaryFolder();
    const { code, stderr } = await run(["/no/such/folder", to]);
    expect(code).toBe(1);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^thaw fetch: .*\/no\/such\/folder/);
    expect(readdirSync(to)).toEqual([]);
    expect((await run(["only-one"])).code).toBe(2);
    expect((await run(["oci://image", to])).stderr).toMatch(/oci/);
  });
});

describe("thaw fetch from a store", () => {
  let store: ObjectServer;

  beforeAll(async () => {
    const files = {
      "iris/model.joblib": Buffer.from("a model"),
      "iris/notes/readme.md": Buffer.from("notes"),
      "iris2/model.joblib": Buffer.from("another"),
    };
    store = await new ObjectServer({ models: files }).listen();
  });

  afterAll(() => store.close());

  const s3 = () => environment(store.origin);

  it("lays out what lies below the prefix, and nothing beside it", async () => {
    const to = temporaryFolder();
    const { code, stderr } = await run(["s3://models/iris", to], s3());
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(to, "model.joblib"), "utf8")).toBe("a model");
    expect(readFileSync(join(to, "notes/readme.md"), "utf8")).toBe("notes");
    expect(readdirSync(to).sort()).toEqual(["model.joblib", "notes"]);
  });

  it("takes what the patterns of KServe allow", async () => {
    const to = temporaryFolder();
    const env = { ...s3(), STORAGE_IGNORE_PATTERNS: '["*.md"]' };
    expect((await run(["s3://models/iris", to], env)).code).toBe(0);
    expect(readdirSync(to)).toEqual(["model.joblib"]);
  });
});

it("patterns are those of fnmatch", () => {
  const wanted = wantedFiles({
    STORAGE_ALLOW_PATTERNS: "*.onnx, config.pbtxt,data/",
    STORAGE_IGNORE_PATTERNS: '["old/*", "[!a-z]*", "x?.onnx"]',
  });
  const paths = [
    "a.onnx",
    "1/a.onnx",
    "b/c.onnx",
    "config.pbtxt",
    "data/x",
    "old/a.onnx",
    "x1.onnx",
  ];
  expect(paths.filter(wanted)).toEqual(["a.onnx", "b/c.onnx", "config.pbtxt", "data/x"]);
});

function run(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(root, "src/main.ts"), "fetch", ...words],
    { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] },
  );
  let stderr = "";
  child.stderr?.on("data", (piece) => {
    stderr += piece;
  });
  return new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, stderr }));
  });
}
