import { once } from "node:events";
import { join } from "node:path";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { streamRequestsMax } from "../../src/domain/limits.ts";
import { GrpcClient } from "../support/grpc.ts";
import type { Json } from "../support/http.ts";
import { identityModel, save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** ModelStreamInfer as Triton has it, and reflection. */

let server: TestServer;
let grpc: GrpcClient;

beforeAll(async () => {
  const echo = save(join(temporaryFolder(), "echo.onnx"), identityModel("FP32"));
  server = await startServer({ args: [`echo=${echo}`] });
  grpc = new GrpcClient(server.port);
});

afterAll(async () => {
  grpc.close();
  expect(await server.stop()).toBe(0);
});

const request = (id: number, model = "echo") => ({
  model_name: model,
  id: `${id}`,
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], contents: { fp32_contents: [id] } }],
});

const answersTo = (requests: readonly object[], headers?: Readonly<Record<string, string>>) =>
  grpc.converse(requests, headers);

describe("ModelStreamInfer", () => {
  it("answers in the order of the requests, more than are worked on at a time", async () => {
    const count = 5 * streamRequestsMax;
    const { code, answers } = await answersTo(
      Array.from({ length: count }, (_, id) => request(id)),
    );
    expect(code).toBe(status.OK);
    expect(answers.map(({ infer_response }) => infer_response.id)).toEqual(
      Array.from({ length: count }, (_, id) => `${id}`),
    );
    const [first] = answers;
    expect(first).toMatchObject({
      error_message: "",
      infer_response: { model_name: "echo", outputs: [{ name: "y", datatype: "FP32" }] },
    });
    expect(first.infer_response.parameters.triton_final_response.bool_param).toBe(true);
  });

  it("says an error in the stream, which goes on", async () => {
    const { code, answers } = await answersTo([request(1), request(2, "other"), request(3)]);
    expect(code).toBe(status.OK);
    expect(answers).toHaveLength(3);
    expect(answers[1]).toMatchObject({
      error_message: "Request for unknown model: 'other' is not found",
      infer_response: { id: "2" },
    });
    expect(answers[2].infer_response.id).toBe("3");
  });

  it("ends with the error's own status where the client asks for it", async () => {
    const ended = { triton_grpc_error: "true" };
    const { code, answers } = await answersTo([request(1), request(2, "other")], ended);
    expect(code).toBe(status.NOT_FOUND);
    expect(answers).toHaveLength(1);
  });

  it("ends at SIGTERM with all that was asked answered", async () => {
    const echo = save(join(temporaryFolder(), "echo.onnx"), identityModel("FP32"));
    const own = await startServer({ args: [`echo=${echo}`] });
    const client = new GrpcClient(own.port);
    const stream = client.stream();
    const answers: Json[] = [];
    stream.on("data", (answer: Json) => answers.push(answer));
    const ended = once(stream, "status");
    stream.write(request(7));
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const stopped = own.stop();
    const [{ code }] = (await ended) as [{ code: number }];
    expect(code).toBe(status.OK);
    expect(await stopped).toBe(0);
    client.close();
  });

  it("is given up with its client", async () => {
    const stream = grpc.stream();
    stream.on("error", () => {});
    stream.write(request(1));
    stream.cancel();
    const { answers } = await answersTo([request(1)]);
    expect(answers).toHaveLength(1);
  });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  async function ask(...requests: readonly Buffer[]): Promise<Buffer[]> {
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const same = (bytes: Buffer) => bytes;
    const stream = client.makeBidiStreamRequest(path, same, same);
    const answers: Buffer[] = [];
    stream.on("data", (answer: Buffer) => answers.push(answer));
    for (const one of requests) stream.write(one);
    stream.end();
    await once(stream, "end");
    client.close();
    return answers;
  }
  const field = (number: number, text: string) =>
    Buffer.concat([Buffer.from([number * 8 + 2, text.length]), Buffer.from(text)]);

  it("lists the services, and gives the file of a symbol", async () => {
    const [list, file, missing] = await ask(
      field(7, ""),
      field(4, "inference.GRPCInferenceService"),
      field(4, "no.Such"),
    );
    expect(list?.toString("latin1")).toContain("inference.GRPCInferenceService");
    expect(list?.toString("latin1")).toContain("grpc.health.v1.Health");
    expect(file?.toString("latin1")).toContain("ModelStreamInferResponse");
    expect(missing?.toString("latin1")).toContain("there is no symbol no.Such");
  });
});
