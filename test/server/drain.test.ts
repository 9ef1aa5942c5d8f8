import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { cases } from "../support/cases.ts";
import { floats, GrpcClient } from "../support/grpc.ts";
import { inferBody, irisInput } from "../support/http.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/**
 * Replicas that go one after the other under load, behind a balancer that hears of each shutdown up
 * to two seconds late, as Kubernetes' endpoints do.
 */

const lingerMs = 2_500;
const latenessMsMax = 2_000;
const everyMs = 5;
const row = [6.8, 2.8, 4.8, 1.4];
const body = inferBody([irisInput(row)]);
const typed = {
  model_name: "iris",
  inputs: [{ name: "input-0", datatype: "FP32", shape: [1, 4] }],
  raw_input_contents: [floats(row)],
};

interface Replica {
  readonly server: TestServer;
  readonly agent: Agent;
  readonly grpc: GrpcClient;
}

async function replica(): Promise<Replica> {
  const args = [`iris=${irisModel}`, "--workers", "1", "--linger", `${lingerMs}ms`];
  const server = await startServer({ args, env: { THAW_LINGER: "" } });
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  return { server, agent, grpc: new GrpcClient(server.port) };
}

function rest({ server, agent }: Replica): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { port } = server;
    const options = { agent, port, host: "127.0.0.1", path: "/v2/models/iris/infer" };
    const call = request({ ...options, method: "POST" }, (reply) => {
      let text = "";
      reply.on("data", (piece) => {
        text += piece;
      });
      reply.on("end", () => resolve(reply.statusCode === 200 ? text : reply.statusCode));
      reply.on("error", reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}

it("no request is lost while replicas are replaced", { timeout: 600_000 }, async () => {
  const balanced: Replica[] = [await replica(), await replica()];
  const failures: string[] = [];
  const under: Promise<void>[] = [];
  let sent = 0;
  const send = async () => {
    sent += 1;
    const one = balanced[sent % balanced.length];
    if (one === undefined) return;
    const answer = sent % 2 === 0 ? rest(one) : one.grpc.call("ModelInfer", typed);
    await answer.then(
      (text) => {
        if (typeof text === "number") failures.push(`status ${text}`);
      },
      (error: Error) => void failures.push(error.message),
    );
  };
  const timer = setInterval(() => under.push(send()), everyMs);
  for (let round = 0; round < cases(2); round += 1) {
    balanced.push(await replica());
    const [old] = balanced;
    if (old === undefined) break;
    const stopped = old.server.stop();
    await wait((latenessMsMax * ((round * 7) % 10)) / 9);
    balanced.shift();
    expect(await stopped).toBe(0);
    old.agent.destroy();
    old.grpc.close();
  }
  clearInterval(timer);
  await Promise.all(under);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(200);
  for (const { server, agent, grpc } of balanced) {
    const stopped = server.stop();
    agent.destroy();
    grpc.close();
    expect(await stopped).toBe(0);
  }
});
