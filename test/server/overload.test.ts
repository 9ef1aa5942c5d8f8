import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queueEntriesMax } from "../../src/domain/limits.ts";
import { GrpcClient } from "../support/grpc.ts";
import { http1, http2, http2Session, inferBody } from "../support/http.ts";
import { identityModel, save, slowModel, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
const slowBody = inferBody([{ name: "x", datatype: "FP32", shape: [1], data: [1] }]);

beforeAll(async () => {
  const folder = temporaryFolder();
  const slow = save(join(folder, "slow.onnx"), slowModel(384));
  const echo = save(join(folder, "echo.onnx"), identityModel("UINT8"));
  const limits = ["--max-request-size", "64KiB"];
  const args = [`slow=${slow}`, `echo=${echo}`, "--workers", "1", ...limits];
  server = await startServer({ args });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

describe("overload", () => {
  it("is refused at once when the server is full; what was accepted is answered", async () => {
    const offered = queueEntriesMax + 100;
    const sessions = [http2Session(server.port), http2Session(server.port)];
    const headers = { "x-request-timeout-ms": "2000" };
    const replies = await Promise.all(
      Array.from({ length: offered }, (_, index) =>
        sessions[index % 2]?.send({ path: "/v2/models/slow/infer", body: slowBody, headers }),
      ),
    );
    for (const session of sessions) session.close();
    const statuses = new Map<number, number>();
    for (const reply of replies) {
      const status = reply?.status ?? 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    const refused = replies.filter((reply) => reply?.status === 503);
    expect([...statuses.keys()].filter((status) => ![200, 503, 504].includes(status))).toEqual([]);
    expect(statuses.get(200)).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThanOrEqual(100);
    expect(refused[0]?.headers["retry-after"]).toBe("1");
    expect(refused[0]?.json().error).toContain("Exceeds maximum queue size");
    expect((await http1(server.port, { path: "/v2/health/live" })).status).toBe(200);
  });
});

describe("overload over gRPC", () => {
  it("is refused by its headers, as UNAVAILABLE and in the same words", async () => {
    const clients = [new GrpcClient(server.port), new GrpcClient(server.port)];
    const contents = { fp32_contents: [1] };
    const inputs = [{ name: "x", datatype: "FP32", shape: [1], contents }];
    const message = { model_name: "slow", inputs };
    const calls = Array.from({ length: queueEntriesMax + 100 }, (_, index) =>
      clients[index % 2]?.call("ModelInfer", message, { deadline: 3_000 }).then(
        () => "OK",
        (error: ServiceError) => `${error.code} ${error.details.slice(0, 27)}`,
      ),
    );
    const outcomes = new Set(await Promise.all(calls));
    expect([...outcomes]).toContain("OK");
    expect([...outcomes]).toContain("14 Exceeds maximum queue size: ".slice(0, 30));
    for (const client of clients) client.close();
  });
});

describe("a body", () => {
  const echo = (length: number) => Buffer.from(" ".repeat(length));
  const path = "/v2/models/echo/infer";
  const size = 64 * 1024;

  it("is taken up to the limit, and refused beyond it before it is read", async () => {
    for (const send of [http1, http2]) {
      const fits = await send(server.port, { path, body: echo(size) });
      expect(fits.status).toBe(400);
      const headers = { "content-length": String(size + 1) };
      const declared = await send(server.port, { path, body: echo(size + 1), headers });
      expect(declared.status).toBe(413);
      expect(declared.json().error).toContain("--max-request-size");
      const undeclared = { path, pieces: [echo(size), echo(1)] };
      expect((await send(server.port, undeclared)).status).toBe(413);
    }
  });
});
