import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { Report } from "../clients/report.ts";
import { floats, GrpcClient } from "../support/grpc.ts";
import { http1, http2, http2Session, inferBody, type Reply } from "../support/http.ts";
import { irisModel, spawnServer } from "../support/server.ts";
import { adminPort, type QueueProxy, startQueueProxy } from "./queue-proxy.ts";

/**
 * `scenario.ts QUEUE_PROXY NAME [NUMBER]`: a pod with queue-proxy and thaw, in a network namespace
 * of its own, since queue-proxy's ports are fixed. One line for each check on stdout.
 */

const [program = "", scenario = "", number = "0"] = process.argv.slice(2);
const report = new Report((line) => process.stdout.write(`${line}\n`));
const userPort = 8080;
const path = "/v2/models/iris/infer";
const row = { name: "input-0", datatype: "FP32", shape: [1, 4], data: [6.8, 2.8, 4.8, 1.4] };
const body = inferBody([row]);
const typed = {
  model_name: "iris",
  inputs: [{ name: "input-0", datatype: "FP32", shape: [1, 4] }],
  raw_input_contents: [floats(row.data)],
};
const knative = { K_REVISION: "iris-00001", PORT: String(userPort), THAW_PORT: "" };

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  requests: () => requests(Number(number)),
  burst,
  "scale-down": scaleDown,
  agent,
  router,
};

function startThaw(port = userPort) {
  const { THAW_PORT: _, ...env } = knative;
  return spawnServer({
    args: [`iris=${irisModel}`, "--workers", "1", "--port", String(port)],
    env: { ...env, PORT: String(port), THAW_LINGER: "" },
  });
}

/** As the activator asks. */
async function probe(proxy: QueueProxy): Promise<number> {
  const headers = { "k-network-probe": "queue", "user-agent": "Knative-Activator-Probe" };
  return http1(proxy.port, { path: "/", headers }).then(
    ({ status }) => status,
    () => 0,
  );
}

async function ready(proxy: QueueProxy): Promise<number> {
  const start = performance.now();
  while ((await probe(proxy)) !== 200) {
    if (performance.now() - start > 20_000) throw new Error(`never ready: ${proxy.log()}`);
    await wait(20);
  }
  return performance.now() - start;
}

function labelOf(reply: Reply): unknown {
  return reply.status === 200 ? reply.json().outputs[0].data[0] : `status ${reply.status}`;
}

async function end(proxy: QueueProxy, thaw: ReturnType<typeof spawnServer>) {
  thaw.process.kill("SIGTERM");
  const code = await thaw.ended;
  proxy.process.kill("SIGKILL");
  return code;
}

async function requests(concurrency: number): Promise<void> {
  const named = (what: string) => `queue-proxy, containerConcurrency ${concurrency}: ${what}`;
  const proxy = startQueueProxy(program, userPort, concurrency);
  await wait(500);
  await report.check(named("not ready before the server is"), async () => {
    ok((await probe(proxy)) !== 200, "it was ready without a server");
  });
  const thaw = startThaw();
  await report.check(named("ready with the server"), async () => {
    await ready(proxy);
  });
  await report.check(named("REST over HTTP/1.1 and h2c"), async () => {
    equal(labelOf(await http1(proxy.port, { path, body })), 1);
    equal(labelOf(await http2(proxy.port, { path, body })), 1);
    const predict = { path: "/v1/models/iris:predict", body: `{"instances":[[6.8,2.8,4.8,1.4]]}` };
    equal((await http2(proxy.port, predict)).json().predictions[0].label, 1);
  });
  await report.check(named("gRPC beside it on the same port"), async () => {
    const client = new GrpcClient(proxy.port);
    const answer = await client.call("ModelInfer", typed);
    equal(answer.raw_output_contents[0].readBigInt64LE(), 1n);
    client.close();
  });
  await report.check(named("200 at a time of each kind, none lost"), async () => {
    const session = http2Session(proxy.port);
    const client = new GrpcClient(proxy.port);
    const all = Array.from({ length: 200 }, async (_, at) => {
      if (at % 3 === 0) return labelOf(await http1(proxy.port, { path, body }));
      if (at % 3 === 1) return labelOf(await session.send({ path, body }));
      return client.call("ModelInfer", typed).then(
        (answer) => Number(answer.raw_output_contents[0].readBigInt64LE()),
        ({ code }) => `status ${code === status.UNAVAILABLE ? 503 : code}`,
      );
    });
    const wrong = (await Promise.all(all)).filter((label) => label !== 1);
    session.close();
    client.close();
    // One at a time and ten in queue-proxy's own queue: the rest is refused there, with 503.
    if (concurrency === 1)
      ok(
        wrong.every((one) => one === "status 503"),
        String(wrong[0]),
      );
    else equal(wrong.length, 0);
  });
  await report.check(named("the server ends by SIGTERM with 0"), async () => {
    equal(await end(proxy, thaw), 0);
  });
}

/** What the activator has kept comes at once, at the moment of readiness. */
async function burst(): Promise<void> {
  const proxy = startQueueProxy(program, userPort, 0);
  const thaw = startThaw();
  const readyMs = await ready(proxy);
  await report.check(
    "queue-proxy: 1,000 requests at the moment of readiness, all answered",
    async () => {
      const session = http2Session(proxy.port);
      const replies = await Promise.all(
        Array.from({ length: 1_000 }, () => session.send({ path, body }).then(labelOf)),
      );
      session.close();
      equal(replies.filter((label) => label !== 1).length, 0);
    },
  );
  report.note(`ready ${Math.round(readyMs)} ms after queue-proxy's and thaw's start`);
  await end(proxy, thaw);
}

const instances = JSON.stringify({ instances: [row.data] });
const predictPath = "/v1/models/iris:predict";

/** KServe's agent as logger and batcher before the server. */
async function agent(): Promise<void> {
  const thaw = startThaw();
  const events: IncomingHttpHeaders[] = [];
  const log = createServer((request, response) => {
    events.push(request.headers);
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => log.listen(9999, "127.0.0.1", resolve));
  const child = spawn(
    program,
    [
      ...["--port", "9081", "--component-port", String(userPort), "--enable-batcher"],
      ...["--max-batchsize", "32", "--max-latency", "50", "--log-url", "http://127.0.0.1:9999"],
      ...["--source-uri", "x", "--inference-service", "iris", "--namespace", "test"],
    ],
    {
      env: {
        ...process.env,
        SERVING_READINESS_PROBE: `{"httpGet":{"path":"/v2/health/ready","port":${userPort},"host":"127.0.0.1","scheme":"HTTP"},"successThreshold":1}`,
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.on("data", (piece) => {
    said += piece;
  });
  await answering(9081, () => said);
  await report.check("KServe's agent: its batcher merges requests of V1", async () => {
    const replies = await Promise.all(
      Array.from({ length: 40 }, () => http1(9081, { path: predictPath, body: instances })),
    );
    for (const reply of replies) {
      equal(reply.status, 200, reply.text);
      equal(reply.json().predictions.length, 1);
      equal(reply.json().predictions[0].label, 1);
    }
    ok(new Set(replies.map((reply) => reply.json().batchId)).size < 40, "nothing was merged");
  });
  await report.check("KServe's agent: V2 passes through", async () => {
    equal(labelOf(await http1(9081, { path, body })), 1);
  });
  await report.check("KServe's agent: its logger sees requests and answers", async () => {
    await wait(1_000);
    const types = new Set(events.map((headers) => headers["ce-type"]));
    ok(types.has("org.kubeflow.serving.inference.request"), String([...types]));
    ok(types.has("org.kubeflow.serving.inference.response"), String([...types]));
  });
  child.kill("SIGKILL");
  log.close();
  thaw.process.kill("SIGTERM");
  await thaw.ended;
}

/** KServe's router of an InferenceGraph before the server; its port is fixed. */
async function router(): Promise<void> {
  const [routerPort, port] = [8080, 9000];
  const thaw = startThaw(port);
  const step = (serviceUrl: string) => ({ serviceUrl: `http://127.0.0.1:${port}${serviceUrl}` });
  const steps = [
    { name: "v1", ...step(predictPath) },
    { name: "again", ...step("/v1/models/iris/versions/1:predict") },
  ];
  const graph = { nodes: { root: { routerType: "Ensemble", steps } } };
  const child = spawn(program, ["--graph-json", JSON.stringify(graph)], { stdio: "ignore" });
  await answering(port, thaw.log);
  await report.check("KServe's router: an ensemble of two steps", async () => {
    const reply = await patiently(() => http1(routerPort, { path: "/", body: instances }));
    equal(reply.status, 200, reply.text);
    const { v1, again } = reply.json();
    equal(v1.predictions[0].label, 1);
    equal(again.predictions[0].label, 1);
  });
  child.kill("SIGKILL");
  thaw.process.kill("SIGTERM");
  await thaw.ended;
}

async function answering(port: number, said: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const status = await http1(port, { path: "/v2/health/ready" }).then(
      (reply) => reply.status,
      () => 0,
    );
    if (status === 200) return;
    await wait(50);
  }
  throw new Error(`port ${port} never answered: ${said()}`);
}

async function patiently<T>(task: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await task();
    } catch (error) {
      if (tries === 100) throw error;
      await wait(50);
    }
  }
}

/** kubelet's order: wait-for-drain on queue-proxy, then SIGTERM for the server. */
async function scaleDown(): Promise<void> {
  const proxy = startQueueProxy(program, userPort, 0);
  const thaw = startThaw();
  await ready(proxy);
  let sent = 0;
  let lost = 0;
  let asking = true;
  const load = async () => {
    const client = new GrpcClient(proxy.port);
    while (asking) {
      sent += 2;
      const rest = await http1(proxy.port, { path, body }).then(labelOf, String);
      if (rest !== 1) lost += 1;
      const grpc = await client
        .call("ModelInfer", typed)
        .then((answer) => answer.raw_output_contents[0].readBigInt64LE(), String);
      if (grpc !== 1n) lost += 1;
      await wait(20);
    }
    client.close();
  };
  const loads = Array.from({ length: 4 }, load);
  await wait(500);
  const drained = http1(adminPort, { path: "/wait-for-drain" });
  // The endpoints are told late: requests go on coming.
  await wait(1_500);
  asking = false;
  await Promise.all(loads);
  await drained;
  const code = await end(proxy, thaw);
  await report.check(`queue-proxy: scale-down ${number} under load, none of ${sent} lost`, () => {
    equal(lost, 0);
    equal(code, 0);
  });
}

await scenarios[scenario]?.();
process.exit(report.failed > 0 ? 1 : 0);
