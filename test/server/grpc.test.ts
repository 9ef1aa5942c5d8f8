import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MiB, requestBytesMax } from "../../src/domain/limits.ts";
import { failure, floats, GrpcClient } from "../support/grpc.ts";
import { identityModel, save, slowModel, sumModel, temporaryFolder } from "../support/models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** V2 gRPC and grpc.health.v1, spoken to the real server by grpc-js. */

let server: TestServer;
let client: GrpcClient;

beforeAll(async () => {
  const folder = temporaryFolder();
  const sources = [
    `iris=${irisModel}`,
    `sum=${save(join(folder, "sum.onnx"), sumModel())}`,
    `text=${save(join(folder, "text.onnx"), identityModel("BYTES"))}`,
    `long=${save(join(folder, "long.onnx"), identityModel("INT64"))}`,
    `slow=${save(join(folder, "slow.onnx"), slowModel(1024))}`,
  ];
  server = await startServer({ args: [...sources, "--workers", "1"] });
  client = new GrpcClient(server.port);
});

afterAll(async () => {
  client.close();
  expect(await server.stop()).toBe(0);
});

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const row = [6.8, 2.8, 4.8, 1.4];
const input = { name: "input-0", datatype: "FP32", shape: [1, 4] };
const slow = {
  model_name: "slow",
  inputs: [{ name: "x", datatype: "FP32", shape: [1], contents: { fp32_contents: [1] } }],
};

describe("V2 gRPC", () => {
  it("says that it is live and ready, and what it is", async () => {
    expect(await client.call("ServerLive")).toEqual({ live: true });
    expect(await client.call("ServerReady")).toEqual({ ready: true });
    expect(await client.call("ModelReady", { name: "iris" })).toEqual({ ready: true });
    expect(await client.call("ServerMetadata")).toMatchObject({ name: "thaw" });
  });

  it("describes a model by its graph", async () => {
    expect(await client.call("ModelMetadata", { name: "iris", version: "1" })).toMatchObject({
      name: "iris",
      versions: ["1"],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "input-0", datatype: "FP32", shape: ["-1", "4"] }],
      outputs: [{ name: "label", datatype: "INT64", shape: ["-1"] }, { name: "probabilities" }],
    });
  });

  it("answers raw and typed tensors alike, always raw", async () => {
    const raw = { model_name: "iris", id: "7", inputs: [input], raw_input_contents: [floats(row)] };
    const typed = { model_name: "iris", inputs: [{ ...input, contents: { fp32_contents: row } }] };
    const answer = await client.call("ModelInfer", raw);
    expect(answer).toMatchObject({ model_name: "iris", model_version: "1", id: "7" });
    expect(answer.outputs[0]).toMatchObject({ name: "label", datatype: "INT64", shape: ["1"] });
    expect(answer.raw_output_contents[0].readBigInt64LE()).toBe(1n);
    const again = await client.call("ModelInfer", typed);
    expect(again.raw_output_contents).toEqual(answer.raw_output_contents);
  });

  it("keeps 64-bit integers and strings as they are", async () => {
    const contents = { int64_contents: ["-9223372036854775808", "9007199254740993"] };
    const inputs = [{ name: "x", datatype: "INT64", shape: [1, 2], contents }];
    const answer = await client.call("ModelInfer", { model_name: "long", inputs });
    const bytes = answer.raw_output_contents[0];
    expect(bytes.readBigInt64LE(0)).toBe(-9223372036854775808n);
    expect(bytes.readBigInt64LE(8)).toBe(9007199254740993n);
    const texts = { bytes_contents: [Buffer.from("grüße"), Buffer.from("")] };
    const text = await client.call("ModelInfer", {
      model_name: "text",
      inputs: [{ name: "x", datatype: "BYTES", shape: [1, 2], contents: texts }],
    });
    expect(text.raw_output_contents[0].toString()).toBe("\u0007\0\0\0grüße\0\0\0\0");
  });

  it("says what is wrong, with REST's words", async () => {
    const cases: [object, status, string][] = [
      [{ model_name: "x" }, status.NOT_FOUND, "Request for unknown model: 'x' is not found"],
      [{ model_name: "iris", model_version: "2" }, status.NOT_FOUND, "version 2 is not found"],
      [
        { model_name: "iris", inputs: [input] },
        status.INVALID_ARGUMENT,
        "unable to find data for input tensor 'input-0' for model 'iris' in request",
      ],
      [
        { model_name: "iris", inputs: [input], raw_input_contents: [floats([1, 2])] },
        status.INVALID_ARGUMENT,
        "input byte size mismatch for input 'input-0' for model 'iris'. Expected 16, got 8",
      ],
      [
        {
          model_name: "iris",
          inputs: [{ ...input, contents: { fp32_contents: row } }],
          raw_input_contents: [floats(row)],
        },
        status.INVALID_ARGUMENT,
        "contents field must not be specified when using raw_input_contents",
      ],
      [
        {
          model_name: "iris",
          inputs: [{ ...input, shape: [4] }],
          raw_input_contents: [floats(row)],
        },
        status.INVALID_ARGUMENT,
        "unexpected shape for input 'input-0' for model 'iris'. Expected [-1,4], got [4].",
      ],
    ];
    for (const [message, code, phrase] of cases) {
      const error = await failure(client.call("ModelInfer", message));
      expect(error.code, phrase).toBe(code);
      expect(error.details).toContain(phrase);
    }
    const unknown = await failure(client.call("ModelReady", { name: "none" }));
    expect(unknown.code).toBe(status.NOT_FOUND);
  });

  it("takes messages in gzip, up to the limit of what they unpack to", async () => {
    const packing = new GrpcClient(server.port, { gzip: true });
    const texts = (size: number) => ({
      model_name: "text",
      inputs: [{ name: "x", datatype: "BYTES", shape: [1, 1] }],
      raw_input_contents: [Buffer.concat([uint32(size), Buffer.alloc(size, "a")])],
    });
    const answer = await packing.call("ModelInfer", texts(2 * MiB));
    expect(answer.raw_output_contents[0]).toHaveLength(2 * MiB + 4);
    const error = await failure(packing.call("ModelInfer", texts(requestBytesMax)));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await packing.call("ServerLive")).toEqual({ live: true });
    packing.close();
  });

  it("keeps deadlines, and drops what was cancelled", async () => {
    const expired = await failure(client.call("ModelInfer", slow, { deadline: 1 }));
    expect(expired.code).toBe(status.DEADLINE_EXCEEDED);
    const { call, answer } = client.begin("ModelInfer", slow);
    call.cancel();
    expect((await failure(answer)).code).toBe(status.CANCELLED);
    const limited = { ...slow, parameters: { timeout: { int64_param: "1" } } };
    const late = await failure(client.call("ModelInfer", limited));
    expect(late.code).toBe(status.DEADLINE_EXCEEDED);
    expect(await client.call("ServerLive")).toEqual({ live: true });
  });
});

describe("grpc.health.v1", () => {
  it("checks the server, its services, and no others", async () => {
    expect(await client.call("Check")).toEqual({ status: "SERVING" });
    const service = "inference.GRPCInferenceService";
    expect(await client.call("Check", { service })).toEqual({ status: "SERVING" });
    const error = await failure(client.call("Check", { service: "none" }));
    expect(error.code).toBe(status.NOT_FOUND);
  });

  it("tells watchers when the server stops serving, and lets them go", async () => {
    const own = await startServer({ args: [`iris=${irisModel}`, "--workers", "1"] });
    const watcher = new GrpcClient(own.port);
    const seen: unknown[] = [];
    const watch = watcher.watch();
    const over = new Promise<void>((resolve) => watch.once("end", () => resolve()));
    watch.on("error", () => {});
    await new Promise<void>((resolve) => {
      watch.on("data", (message: { status: unknown }) => {
        seen.push(message.status);
        resolve();
      });
    });
    expect(await own.stop()).toBe(0);
    await over;
    expect(seen).toEqual(["SERVING", "NOT_SERVING"]);
    watcher.close();
  });
});
