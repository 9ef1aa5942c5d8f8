import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failure, floats, GrpcClient } from "../support/grpc.ts";
import { http1, http2, inferBody, irisInput, type Json } from "../support/http.ts";
import { save, tableModel, temporaryFolder } from "../support/models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let grpc: GrpcClient;

const startedMs = Date.now();
const flower = [6.8, 2.8, 4.8, 1.4];

beforeAll(async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "table"));
  save(join(folder, "table/2/model.onnx"), tableModel());
  server = await startServer({ args: [`iris=${irisModel}`, `table=${join(folder, "table")}`] });
  grpc = new GrpcClient(server.port);
  // Two rows over REST, three over gRPC, then one request that the model cannot compute.
  const rest = await http1(server.port, {
    path: "/v2/models/iris/infer",
    body: inferBody([irisInput(flower, flower)]),
  });
  expect(rest.status).toBe(200);
  await grpc.call("ModelInfer", {
    model_name: "iris",
    inputs: [{ name: "input-0", datatype: "FP32", shape: [3, 4] }],
    raw_input_contents: [floats([...flower, ...flower, ...flower])],
  });
  expect(
    (await infer("table", { name: "x", datatype: "INT64", shape: [1], data: [9] })).status,
  ).toBe(400);
});

afterAll(async () => {
  grpc.close();
  expect(await server.stop()).toBe(0);
});

const infer = (model: string, input: object) =>
  http1(server.port, { path: `/v2/models/${model}/infer`, body: inferBody([input]) });

const stats = async (path: string): Promise<Json> =>
  (await http1(server.port, { path })).json().model_stats;

/** Value by name and labels, in the order of the page. */
async function metrics(): Promise<Map<string, number>> {
  const { text } = await http1(server.port, { path: "/metrics" });
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

const tally = (count: number) => ({ count, ns: expect.any(Number) });
const zero = { count: 0, ns: 0 };

describe("the statistics extension", () => {
  it("has Triton's fields, over REST", async () => {
    const [iris] = await stats("/v2/models/iris/stats");
    expect(iris).toEqual({
      name: "iris",
      version: "1",
      last_inference: expect.any(Number),
      inference_count: 5,
      execution_count: 2,
      inference_stats: {
        success: tally(2),
        fail: zero,
        queue: tally(2),
        compute_input: tally(2),
        compute_infer: tally(2),
        compute_output: tally(2),
        cache_hit: zero,
        cache_miss: zero,
      },
      response_stats: {},
      batch_stats: [2, 3].map((size) => ({
        batch_size: size,
        compute_input: tally(1),
        compute_infer: tally(1),
        compute_output: tally(1),
      })),
      memory_usage: [],
    });
    const { success, queue, compute_input, compute_infer, compute_output } = iris.inference_stats;
    const parts = [queue, compute_input, compute_infer, compute_output].map(({ ns }) => ns);
    // The parts do not overlap, and each of them takes its time.
    for (const ns of parts) expect(ns).toBeGreaterThan(0);
    expect(parts.reduce((sum, ns) => sum + ns, 0)).toBeLessThanOrEqual(success.ns);
    // The requests ran one after the other, each as a batch of its own.
    const inBatches = iris.batch_stats.map((batch: Json) => batch.compute_infer.ns);
    expect(inBatches[0] + inBatches[1]).toBe(compute_infer.ns);
    // Milliseconds: it lies between the start of this file and now.
    expect(iris.last_inference).toBeGreaterThanOrEqual(startedMs);
    expect(iris.last_inference).toBeLessThanOrEqual(Date.now());
  });

  it("counts what fails as a failure alone", async () => {
    const [table] = await stats("/v2/models/table/versions/2/stats");
    expect(table).toMatchObject({
      name: "table",
      version: "2",
      last_inference: 0,
      inference_count: 0,
      execution_count: 0,
      inference_stats: { success: zero, fail: tally(1), queue: zero, compute_infer: zero },
      batch_stats: [],
    });
    expect(table.inference_stats.fail.ns).toBeGreaterThan(0);
  });

  it("says the same over gRPC, of all models and of one", async () => {
    for (const [message, path] of [
      [{}, "/v2/models/stats"],
      [{ name: "iris" }, "/v2/models/iris/stats"],
      [{ name: "table", version: "2" }, "/v2/models/table/versions/2/stats"],
    ] as const) {
      const { model_stats } = await grpc.call("ModelStatistics", message);
      expect(numbers(model_stats)).toEqual(await stats(path));
    }
    expect((await stats("/v2/models/stats")).map(({ name }: Json) => name)).toEqual([
      "iris",
      "table",
    ]);
  });

  it("knows no model that is not there", async () => {
    for (const path of ["nobody/stats", "iris/versions/9/stats", "iris/versions/x/stats"]) {
      expect((await http1(server.port, { path: `/v2/models/${path}` })).status).toBe(404);
    }
    for (const message of [{ name: "nobody" }, { name: "iris", version: "9" }]) {
      expect((await failure(grpc.call("ModelStatistics", message))).code).toBe(5);
    }
    const post = { path: "/v2/models/stats", method: "POST" };
    expect((await http1(server.port, post)).status).toBe(405);
  });
});

/** 64-bit integers as proto-loader gives them to the test's client are texts. */
function numbers(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (key, given) =>
    typeof given === "string" && key !== "version" && /^\d+$/.test(given) ? Number(given) : given,
  );
}

describe("the metrics", () => {
  it("are Triton's sums, in microseconds", async () => {
    const page = await metrics();
    for (const { name, version, ...model } of await stats("/v2/models/stats")) {
      const of = (what: string) => page.get(`${what}{model="${name}",version="${version}"}`);
      const { success, fail, queue, ...compute } = model.inference_stats;
      expect(of("nv_inference_request_success")).toBe(success.count);
      expect(of("nv_inference_count")).toBe(model.inference_count);
      expect(of("nv_inference_exec_count")).toBe(model.execution_count);
      expect(of("nv_inference_pending_request_count")).toBe(0);
      for (const [what, { ns }] of Object.entries({
        request: success,
        queue,
        compute_input: compute.compute_input,
        compute_infer: compute.compute_infer,
        compute_output: compute.compute_output,
      })) {
        expect(of(`nv_inference_${what}_duration_us`)).toBe(Math.round(ns / 1e3));
      }
      for (const reason of ["REJECTED", "CANCELED", "BACKEND", "OTHER"]) {
        const labels = `model="${name}",version="${version}",reason="${reason}"`;
        const failed = page.get(`nv_inference_request_failure{${labels}}`);
        expect(failed).toBe(reason === "BACKEND" ? fail.count : 0);
      }
    }
  });

  it("tell of the start, the loads, the slots and the process", async () => {
    const page = await metrics();
    const loaded = page.get('thaw_start_seconds{phase="models_loaded"}') ?? 0;
    expect(loaded).toBeGreaterThan(0);
    expect(page.get('thaw_start_seconds{phase="port_open"}')).toBeGreaterThan(loaded);
    for (const phase of ["read", "session", "warm"]) {
      const labels = `model="table",version="2",phase="${phase}"`;
      expect(page.get(`thaw_model_load_seconds{${labels}}`)).toBeGreaterThan(0);
    }
    for (const name of ["admitted_requests", "admitted_bytes", "leases", "worker_losses_total"]) {
      expect(page.get(`thaw_${name}`)).toBe(0);
    }
    expect(page.get("thaw_slots")).toBeGreaterThan(0);
    expect(page.get("thaw_event_loop_delay_p99_seconds")).toBeGreaterThanOrEqual(0);
    expect(page.get("thaw_resident_memory_bytes")).toBeGreaterThan(0);
    expect(page.get("thaw_memory_limit_bytes")).toBeGreaterThanOrEqual(0);
    expect(page.get('thaw_model_loads_total{outcome="loaded"}')).toBe(
      page.get("thaw_models_loaded"),
    );
    expect(page.get('thaw_model_loads_total{outcome="failed"}')).toBe(0);
    expect(page.get("thaw_models_bytes")).toBeGreaterThan(0);
    for (const name of ["model_evictions_total", "pulled_bytes_total", "load_waiters"]) {
      expect(page.get(`thaw_${name}`)).toBe(0);
    }
    const runs = (rows: number) =>
      page.get(`thaw_batches_total{model="iris",version="1",rows_up_to="${rows}"}`);
    expect([runs(1), runs(2), runs(4)]).toEqual([undefined, 1, 1]);
  });

  it("have the labels of models that are served, whatever is asked for", async () => {
    const before = [...(await metrics()).keys()];
    for (const name of ["nobody", "x".repeat(300), "iris%22%0a"]) {
      expect((await infer(name, irisInput(flower))).status).toBe(404);
      expect((await http1(server.port, { path: `/v2/models/${name}/stats` })).status).toBe(404);
    }
    await failure(grpc.call("ModelInfer", { model_name: "nobody" }));
    expect([...(await metrics()).keys()]).toEqual(before);
    const models = new Set(before.flatMap((key) => /model="([^"]*)"/.exec(key)?.[1] ?? []));
    expect([...models]).toEqual(["iris", "table"]);
  });

  it("are text in Prometheus' format, over either version of HTTP", async () => {
    for (const send of [http1, http2]) {
      const { status, headers, text } = await send(server.port, { path: "/metrics" });
      expect([status, headers["content-type"]]).toEqual([
        200,
        "text/plain; version=0.0.4; charset=utf-8",
      ]);
      for (const line of text.split("\n")) {
        expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? [-+0-9.e]+|)$/);
      }
    }
    expect((await http1(server.port, { path: "/metrics", method: "POST" })).status).toBe(405);
  });
});
