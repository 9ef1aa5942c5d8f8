import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failure, GrpcClient } from "../support/grpc.ts";
import { http1, inferBody, irisInput } from "../support/http.ts";
import { save, slowModel, temporaryFolder } from "../support/models.ts";
import { irisModel, spawnServer, startServer } from "../support/server.ts";

const folder = temporaryFolder();
const slow = `slow=${save(join(folder, "slow.onnx"), slowModel(512))}`;
const slowBody = inferBody([{ name: "x", datatype: "FP32", shape: [1], data: [1] }]);
const irisBody = inferBody([irisInput([6.8, 2.8, 4.8, 1.4])]);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe("SIGTERM", () => {
  it("ends the process with 0 at any moment of start and load", async () => {
    for (let round = 0; round < 12; round += 1) {
      const started = spawnServer({ args: [slow, irisModel] });
      await new Promise((resolve) => started.process.stderr?.once("data", resolve));
      const delayMs = Math.random() * 250;
      await pause(delayMs);
      started.process.kill(round % 3 === 0 ? "SIGINT" : "SIGTERM");
      expect(await started.ended, `after ${delayMs} ms: ${started.log()}`).toBe(0);
    }
  });

  it("ends the process with 0 at any moment of a run, and every request has its answer", async () => {
    for (let round = 0; round < 6; round += 1) {
      const server = await startServer({ args: [slow, "--workers", "2"] });
      const calls = Array.from({ length: 6 }, () =>
        http1(server.port, { path: "/v2/models/slow/infer", body: slowBody }),
      );
      await pause(20 + Math.random() * 300);
      const code = server.stop();
      for (const reply of await Promise.all(calls)) expect(reply.status).toBe(200);
      expect(await code, server.log()).toBe(0);
    }
  });

  it("goes on serving for the linger, not ready but alive, one request a connection", async () => {
    const server = await startServer({ args: [irisModel, "--linger", "1500ms"] });
    const client = new GrpcClient(server.port);
    await client.call("ServerLive");
    const code = server.stop();
    await pause(200);
    expect((await http1(server.port, { path: "/v2/health/live" })).status).toBe(200);
    expect((await http1(server.port, { path: "/v2/health/ready" })).status).toBe(503);
    expect(await client.call("ServerReady")).toEqual({ ready: false });
    expect(await client.call("Check")).toEqual({ status: "NOT_SERVING" });
    const path = "/v2/models/model/infer";
    const headers = { connection: "keep-alive" };
    const reply = await http1(server.port, {
      path: path.replace("model/", "iris/"),
      body: irisBody,
      headers,
    });
    expect(reply.status).toBe(200);
    expect(reply.headers["connection"]).toBe("close");
    expect(await code).toBe(0);
    client.close();
  });

  it("a second time ends the linger", async () => {
    const server = await startServer({ args: [irisModel, "--linger", "20s"] });
    const code = server.stop();
    await pause(100);
    server.process.kill("SIGTERM");
    expect(await code).toBe(0);
  });

  it("answers what a connection brings that was opened before the end", async () => {
    const server = await startServer({ args: [irisModel] });
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    const code = server.stop();
    await pause(100);
    const head = "POST /v2/models/iris/infer HTTP/1.1\r\nHost: x\r\n";
    socket.write(`${head}Content-Length: ${Buffer.byteLength(irisBody)}\r\n\r\n${irisBody}`);
    const [piece] = await once(socket, "data");
    expect(String(piece)).toMatch(/^HTTP\/1.1 200 /);
    expect(await code).toBe(0);
  });

  it("answers what had come before it took notice of the end", async () => {
    const server = await startServer({ args: [irisModel] });
    server.process.kill("SIGSTOP");
    const calls = Array.from({ length: 50 }, () =>
      http1(server.port, { path: "/v2/models/iris/infer", body: irisBody }),
    );
    await pause(100);
    const code = server.stop();
    server.process.kill("SIGCONT");
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses).toEqual(calls.map(() => 200));
    expect(await code).toBe(0);
  });

  it("closes idle connections, and those of gRPC", async () => {
    const server = await startServer({ args: [irisModel] });
    const client = new GrpcClient(server.port);
    await client.call("ServerLive");
    const idle = connect(server.port, "127.0.0.1");
    const closed = new Promise<void>((resolve) => idle.once("close", () => resolve()));
    idle.on("error", () => {});
    await new Promise<void>((resolve) => idle.once("connect", () => resolve()));
    expect(await server.stop()).toBe(0);
    await closed;
    expect((await failure(client.call("ServerLive", {}, { deadline: 2_000 }))).code).not.toBe(0);
    client.close();
  });
});
