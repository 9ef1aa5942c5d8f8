import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { http1, inferBody, type Json } from "../support/http.ts";
import { imageEnvironment } from "../support/image.ts";
import { save, tablesModel, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Memory of models, as the kernel counts it: it comes back, and stays within the container's. */

const mebi = 2 ** 20;
const body = inferBody([{ name: "x", datatype: "INT64", shape: [1], data: [1] }]);
const post = (server: TestServer, path: string, text = "") =>
  http1(server.port, { path, method: "POST", body: text });

function residentMiB({ process: { pid } }: TestServer): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
}

it("memory of a model that was unloaded comes back", { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  // 100 MiB of weights in pieces of 256 KiB.
  save(join(folder, "large/model.onnx"), tablesModel(400, 65_536));
  save(join(folder, "small/model.onnx"), tablesModel(1, 8));
  const server = await startServer({
    args: ["--repository", folder, "--repository-api", "--workers", "1"],
    env: imageEnvironment(),
  });
  try {
    await post(server, "/v2/models/small/infer", body);
    const before = residentMiB(server);
    for (let round = 0; round < 3; round += 1) {
      const reply = await post(server, "/v2/models/large/infer", body);
      expect([reply.status, reply.json().outputs?.[0].data]).toEqual([200, [(400 * 399) / 2]]);
      expect(residentMiB(server) - before).toBeGreaterThan(90);
      await post(server, "/v2/repository/models/large/unload");
      expect(residentMiB(server) - before).toBeLessThan(48);
      await post(server, "/v2/repository/models/large/load");
    }
  } finally {
    await server.stop();
  }
});

/** A control group of this test's own; `undefined` where none can be made. */
function makeGroup(limitMiB: number): { words: string[]; remove: () => void } | undefined {
  const v2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const parent = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const group = join(parent, `thaw-test-${process.pid}`);
  try {
    mkdirSync(group);
    const limit = join(group, v2 ? "memory.max" : "memory.limit_in_bytes");
    writeFileSync(limit, String(limitMiB * mebi));
    // Runs what follows inside.
    execFileSync("sh", ["-c", `echo 0 > ${group}/cgroup.procs`]);
    const enter = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
    return { words: ["sh", "-c", enter, "sh"], remove: () => rmdirSync(group) };
  } catch {
    return undefined;
  }
}

const group = makeGroup(320);

describe.skipIf(group === undefined)("in a container of 320 MiB", () => {
  it("models that together are larger are all served", { timeout: 180_000 }, async () => {
    if (group === undefined) return;
    const folder = temporaryFolder();
    const count = 16;
    // 16 MiB each, 256 MiB in all.
    for (let n = 0; n < count; n += 1) {
      save(join(folder, `m${n}/model.onnx`), tablesModel(64, 65_536, n));
    }
    const args = ["--repository", folder, "--repository-api", "--workers", "1"];
    const server = await startServer({ args, env: imageEnvironment(), within: group.words });
    try {
      const metrics = (await http1(server.port, { path: "/metrics" })).text;
      const budget = Number(/^thaw_memory_budget_bytes (\S+)/m.exec(metrics)?.[1]) / mebi;
      expect(budget).toBeCloseTo(320 * 0.8 - 128, 0);
      const ask = async (n: number) => {
        const reply = await post(server, `/v2/models/m${n}/infer`, body);
        expect([n, reply.status, reply.json().outputs?.[0].data]).toEqual([
          n,
          200,
          [64 * n + (64 * 63) / 2],
        ]);
      };
      const asked = Array.from({ length: 120 }, (_, at) => (at * at * 7 + at) % count);
      const lanes = [0, 1, 2, 3].map(async (lane) => {
        for (const [at, n] of asked.entries()) if (at % 4 === lane) await ask(n);
      });
      await Promise.all(lanes);
      const index: Json[] = (await post(server, "/v2/repository/index")).json();
      const ready = index.filter(({ state }) => state === "READY").length;
      expect(ready).toBeGreaterThan(1);
      expect(ready).toBeLessThan(count / 2);
    } finally {
      expect(await server.stop()).toBe(0);
      group.remove();
    }
  });
});
