import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failure, floats, GrpcClient } from "../support/grpc.ts";
import { http1, inferBody, type Json } from "../support/http.ts";
import { offsetModel, save, sumModel, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** A repository over real sockets: on demand, by the operator's hand, and as its files change. */

const folder = temporaryFolder();
const put = (path: string, offset: number) => save(join(folder, path), offsetModel(offset));
let server: TestServer;
let grpc: GrpcClient;

beforeAll(async () => {
  put("lazy/1/model.onnx", 1);
  put("storm/model.onnx", 2);
  put("two/1/model.onnx", 10);
  put("two/2/model.onnx", 20);
  put("triton/1/model.onnx", 5);
  put("triton/2/model.onnx", 6);
  writeFileSync(join(folder, "triton/config.pbtxt"), 'name: "triton"\nmax_batch_size: 0\n');
  save(join(folder, "batched/1/model.onnx"), sumModel());
  writeFileSync(
    join(folder, "batched/config.pbtxt"),
    `platform: "onnxruntime_onnx"
max_batch_size: 2
input [ { name: "a" data_type: TYPE_FP32 dims: [ 2 ] }, { name: "b" data_type: TYPE_FP32 dims: 2 } ]
output { name: "sum", data_type: TYPE_FP32, dims: [ 2 ] }
parameters { key: "who" value { string_value: "me" } }
`,
  );
  mkdirSync(join(folder, "torn/1"), { recursive: true });
  writeFileSync(join(folder, "torn/1/model.onnx"), "this is a poem");
  put("pair/a.onnx", 1);
  put("pair/b.onnx", 2);
  put("wrong/model.onnx", 1);
  writeFileSync(join(folder, "wrong/thaw.json"), '{"batchin": "off"}');
  server = await startServer({ args: ["--repository", folder, "--repository-api", "--watch"] });
  grpc = new GrpcClient(server.port);
});

afterAll(async () => {
  grpc?.close();
  await server?.stop();
});

const input = { name: "x", datatype: "FP32", shape: [1], data: [1] };
const get = (path: string) => http1(server.port, { path });
const post = (path: string, body = "") => http1(server.port, { path, method: "POST", body });
const infer = (model: string) => post(`/v2/models/${model}/infer`, inferBody([input]));
const value = (reply: Json) => reply.json().outputs[0].data[0];

async function stateOf(name: string): Promise<Json> {
  const index = await post("/v2/repository/index");
  return index.json().filter((entry: Json) => entry.name === name);
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`it never came: ${server.log().slice(-2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("a repository", () => {
  it("is ready at once, and loads a model at its first request", async () => {
    expect((await get("/v2/health/ready")).status).toBe(200);
    expect((await get("/v2/models/lazy/ready")).status).toBe(503);
    expect(await stateOf("lazy")).toEqual([{ name: "lazy" }]);
    expect(value(await infer("lazy"))).toBe(2);
    expect((await get("/v2/models/lazy/ready")).status).toBe(200);
    expect(await stateOf("lazy")).toEqual([
      { name: "lazy", version: "1", state: "READY", reason: "" },
    ]);
  });

  it("loads once for a thousand who ask at the same time", async () => {
    const replies = await Promise.all(Array.from({ length: 1_000 }, () => infer("storm")));
    expect(
      new Set(replies.map((reply) => (reply.status === 200 ? value(reply) : reply.text))),
    ).toEqual(new Set([3]));
    expect(server.log().match(/"event":"model ready","model":"storm"/g)?.length).toBe(1);
  });

  it("serves every version, and of Triton's the latest", async () => {
    expect(value(await infer("two"))).toBe(21);
    expect(value(await infer("two/versions/1"))).toBe(11);
    expect(value(await infer("triton"))).toBe(7);
    expect((await infer("triton/versions/1")).status).toBe(404);
  });

  it("answers metadata of a model that was not loaded yet, by loading it", async () => {
    const metadata = (await get("/v2/models/batched")).json();
    expect(metadata.inputs).toEqual([
      { name: "a", datatype: "FP32", shape: [-1, 2] },
      { name: "b", datatype: "FP32", shape: [-1, 2] },
    ]);
    expect(metadata.outputs).toEqual([{ name: "sum", datatype: "FP32", shape: [-1, 2] }]);
  });

  it("holds requests against max_batch_size, at n and n + 1", async () => {
    const rows = (n: number) => ({
      datatype: "FP32",
      shape: [n, 2],
      data: new Array(2 * n).fill(1),
    });
    const send = (a: number, b: number) =>
      post(
        "/v2/models/batched/infer",
        inferBody([
          { name: "a", ...rows(a) },
          { name: "b", ...rows(b) },
        ]),
      );
    expect((await send(2, 2)).json().outputs[0].data).toEqual([2, 2, 2, 2]);
    expect((await send(3, 3)).text).toContain("batch-size must be <= 2 for 'batched'");
    expect((await send(1, 2)).text).toContain("batch size does not match other inputs");
  });

  it("shows a model's configuration in Triton's form, on REST and gRPC", async () => {
    const config = (await get("/v2/models/batched/config")).json();
    expect(config).toMatchObject({
      name: "batched",
      platform: "onnxruntime_onnx",
      backend: "onnxruntime",
      max_batch_size: 2,
      version_policy: { latest: { num_versions: 1 } },
      input: [
        { name: "a", data_type: "TYPE_FP32", dims: [2] },
        { name: "b", data_type: "TYPE_FP32", dims: [2] },
      ],
      output: [{ name: "sum", data_type: "TYPE_FP32", dims: [2] }],
      parameters: { who: { string_value: "me" } },
    });
    const { config: message } = await grpc.call("ModelConfig", { name: "batched" });
    expect(message).toMatchObject({
      name: "batched",
      max_batch_size: 2,
      input: [
        { name: "a", data_type: "TYPE_FP32", dims: ["2"] },
        { name: "b", data_type: "TYPE_FP32", dims: ["2"] },
      ],
      parameters: { who: { string_value: "me" } },
    });
  });

  it("says of each broken model why, and serves the others", async () => {
    expect((await infer("torn")).status).toBe(503);
    const [torn] = await stateOf("torn");
    expect(torn).toMatchObject({ version: "1", state: "UNAVAILABLE" });
    expect(torn.reason).toContain("ONNX");
    const [pair] = await stateOf("pair");
    expect(pair.reason).toContain("2 model files side by side (a.onnx, b.onnx)");
    const [wrong] = await stateOf("wrong");
    expect(wrong.reason).toContain("unknown key 'batchin'; did you mean 'batching'?");
    expect((await get("/v2/health/ready")).status).toBe(200);
  });
});

describe("the operator", () => {
  it("unloads a model, which is refused until it is loaded again", async () => {
    put("hand/1/model.onnx", 1);
    expect((await post("/v2/repository/models/hand/load")).status).toBe(200);
    expect(value(await infer("hand"))).toBe(2);
    expect((await post("/v2/repository/models/hand/unload")).status).toBe(200);
    expect((await infer("hand")).status).toBe(503);
    expect((await get("/v2/models/hand/ready")).status).toBe(503);
    expect((await stateOf("hand"))[0]).toMatchObject({ state: "UNAVAILABLE", reason: "unloaded" });
    const body = JSON.stringify({ parameters: { unload_dependents: true } });
    expect((await post("/v2/repository/models/hand/unload", body)).status).toBe(200);
    expect((await post("/v2/repository/models/hand/load")).status).toBe(200);
    expect(value(await infer("hand"))).toBe(2);
  });

  it("loads what has changed, and changes the configuration", async () => {
    put("hand/1/model.onnx", 7);
    expect((await post("/v2/repository/models/hand/load")).status).toBe(200);
    expect(value(await infer("hand"))).toBe(8);
    const config = JSON.stringify({ maxBatchSize: "4", versionPolicy: { all: {} } });
    const body = JSON.stringify({ parameters: { config } });
    const reply = await post("/v2/repository/models/two/load", body);
    expect(reply.text).toBe('{"name":"two","load":true}');
    expect((await get("/v2/models/two/config")).json()).toMatchObject({ max_batch_size: 4 });
  });

  it("is told what cannot be loaded, and why", async () => {
    const none = await post("/v2/repository/models/none/load");
    expect([none.status, none.text]).toEqual([
      404,
      expect.stringContaining("failed to load 'none', failed to poll from model repository"),
    ]);
    const torn = await post("/v2/repository/models/torn/load");
    expect([torn.status, torn.text]).toEqual([
      400,
      expect.stringContaining("failed to load 'torn'"),
    ]);
    const path = await post("/v2/repository/models/..%2f..%2fetc/load");
    expect(path.text).toContain("must not contain path traversal characters");
    const files = JSON.stringify({ parameters: { config: "{}", "file:1/model.onnx": "AAAA" } });
    const sent = await post("/v2/repository/models/hand/load", files);
    expect([sent.status, sent.text]).toEqual([400, expect.stringContaining("are not taken")]);
    const ready = await post("/v2/repository/index", '{"ready": 1}');
    expect(ready.text).toContain("Invalid value for 'ready': expected a boolean");
    expect((await get("/v2/repository/index")).status).toBe(405);
    expect((await post("/v2/repository/other/index")).status).toBe(501);
  });

  it("does the same on gRPC, in both numberings", async () => {
    await grpc.call("RepositoryModelUnload", { model_name: "hand" });
    const unready = await grpc.call("ModelReady", { name: "hand" });
    expect(unready.ready).toBe(false);
    // KServe's clients put the name into the first field.
    const loaded = await grpc.call("RepositoryModelLoad", { repository_name: "hand" });
    expect(loaded).toEqual({ model_name: "hand", isLoaded: true });
    const { models } = await grpc.call("RepositoryIndex", { ready: true });
    expect(models).toContainEqual({ name: "hand", version: "1", state: "READY", reason: "" });
    expect(models.every(({ state }: Json) => state === "READY")).toBe(true);
    const unknown = await failure(grpc.call("RepositoryModelLoad", { model_name: "none" }));
    expect(unknown.code).toBe(5);
    const answer = await grpc.call("ModelInfer", {
      model_name: "hand",
      inputs: [{ name: "x", datatype: "FP32", shape: ["1"] }],
      raw_input_contents: [floats([1])],
    });
    expect(answer.raw_output_contents[0].readFloatLE()).toBe(8);
  });

  it("cannot do anything where that was not allowed", async () => {
    const plain = await startServer({ args: ["--repository", folder] });
    try {
      const load = await http1(plain.port, { path: "/v2/repository/models/lazy/load", body: "" });
      expect([load.status, load.text]).toEqual([403, expect.stringContaining("--repository-api")]);
      const index = await http1(plain.port, { path: "/v2/repository/index", body: "{}" });
      expect(index.status).toBe(403);
    } finally {
      await plain.stop();
    }
  });
});

describe("a watched repository", () => {
  it("takes new models, new versions and new files over, and lets go of what is gone", async () => {
    put("fresh/1/model.onnx", 1);
    await until(async () => (await infer("fresh")).status === 200);
    put("fresh/2/model.onnx", 2);
    await until(async () => value(await infer("fresh")) === 3);
    put("fresh/2/next.tmp", 3);
    renameSync(join(folder, "fresh/2/next.tmp"), join(folder, "fresh/2/model.onnx"));
    await until(async () => value(await infer("fresh")) === 4);
    rmSync(join(folder, "fresh"), { recursive: true });
    await until(async () => (await infer("fresh")).status === 404);
  });

  it("goes on serving what it had where a new file is broken", async () => {
    put("firm/model.onnx", 1);
    await until(async () => (await infer("firm")).status === 200);
    writeFileSync(join(folder, "firm/model.onnx"), "torn");
    await until(async () => (await stateOf("firm"))[0]?.reason !== "");
    expect((await stateOf("firm"))[0]).toMatchObject({ state: "READY" });
    expect(value(await infer("firm"))).toBe(2);
  });

  it("follows links as Kubernetes swaps them", async () => {
    const map = join(folder, "mounted");
    for (const [stamp, offset] of [
      ["..1", 1],
      ["..2", 2],
    ] as const) {
      save(join(map, stamp, "model.onnx"), offsetModel(offset));
    }
    symlinkSync("..1", join(map, "..data"));
    symlinkSync("..data/model.onnx", join(map, "model.onnx"));
    await until(async () => (await infer("mounted")).status === 200);
    expect(value(await infer("mounted"))).toBe(2);
    symlinkSync("..2", join(map, "..tmp"));
    renameSync(join(map, "..tmp"), join(map, "..data"));
    await until(async () => value(await infer("mounted")) === 3);
  });
});
