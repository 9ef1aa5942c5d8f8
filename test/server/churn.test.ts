import { join } from "node:path";
import { expect, it } from "vitest";
import { http1, inferBody, type Json } from "../support/http.ts";
import { offsetModel, save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Models that come and go while others are asked. */

const rounds = Number(process.env["THAW_CHURN"] ?? 60);
const input = { name: "x", datatype: "FP32", shape: [1], data: [1] };

const post = (server: TestServer, path: string, body = "") =>
  http1(server.port, { path, method: "POST", body });

function infer(server: TestServer, model: string) {
  return post(server, `/v2/models/${model}/infer`, inferBody([input]));
}

async function residentMiB(server: TestServer): Promise<number> {
  const { text } = await http1(server.port, { path: "/metrics" });
  return Number(/^thaw_resident_memory_bytes (\S+)/m.exec(text)?.[1]) / 2 ** 20;
}

it(`${rounds} loads and unloads under traffic: nothing wrong, nothing lost`, {
  timeout: 600_000,
}, async () => {
  const folder = temporaryFolder();
  save(join(folder, "steady/model.onnx"), offsetModel(1));
  save(join(folder, "coming/model.onnx"), offsetModel(2));
  // As the image has it: the heap of JavaScript has its size before the rounds begin.
  const env = { NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=4" };
  const server = await startServer({ args: ["--repository", folder, "--repository-api"], env });
  try {
    const problems: string[] = [];
    let answered = 0;
    let going = true;
    const ask = async () => {
      while (going) {
        const steady = await infer(server, "steady");
        if (steady.status !== 200 || steady.json().outputs[0].data[0] !== 2) {
          problems.push(`steady: ${steady.status} ${steady.text}`);
        }
        const coming = await infer(server, "coming");
        // Unloaded by hand it is refused; what is answered has to be right.
        const right = coming.status === 503 || coming.json().outputs?.[0].data[0] === 3;
        if (!right) problems.push(`coming: ${coming.status} ${coming.text}`);
        answered += 1;
      }
    };
    const clients = Array.from({ length: 4 }, ask);
    const round = async () => {
      for (const verb of ["load", "unload"]) {
        const { status, text } = await post(server, `/v2/repository/models/coming/${verb}`);
        if (status !== 200) problems.push(`${verb}: ${status} ${text}`);
      }
    };
    for (let warm = 0; warm < 60; warm += 1) await round();
    const before = await residentMiB(server);
    for (let n = 0; n < rounds; n += 1) await round();
    const growth = (await residentMiB(server)) - before;
    going = false;
    await Promise.all(clients);
    expect(problems).toEqual([]);
    expect(answered).toBeGreaterThan(rounds / 10);
    if (rounds >= 500) console.log(`${rounds} rounds: ${growth.toFixed(1)} MiB`);
    expect(growth).toBeLessThanOrEqual(32);
  } finally {
    await server.stop();
  }
});

it("many models, few in memory: each is answered, and memory stays within its budget", {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const count = 100;
  for (let n = 0; n < count; n += 1) save(join(folder, `m${n}/model.onnx`), offsetModel(n));
  const server = await startServer({
    args: ["--repository", folder, "--repository-api", "--workers", "1", "--memory-budget", "6MiB"],
  });
  try {
    const asked = Array.from({ length: 400 }, (_, n) => Math.floor((n * n * 7) % count));
    for (let at = 0; at < asked.length; at += 8) {
      const replies = await Promise.all(
        asked.slice(at, at + 8).map(async (n) => [n, await infer(server, `m${n}`)] as const),
      );
      for (const [n, reply] of replies) {
        expect(reply.status, reply.text).toBe(200);
        expect(reply.json().outputs[0].data[0]).toBe(n + 1);
      }
    }
    const index: Json[] = (await post(server, "/v2/repository/index")).json();
    expect(index.length).toBe(count);
    const ready = index.filter(({ state }) => state === "READY").length;
    expect(ready).toBeGreaterThan(0);
    expect(ready).toBeLessThanOrEqual(24);
  } finally {
    await server.stop();
  }
});
