import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { http1, inferBody, type Json } from "../support/http.ts";
import { offsetModel, save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Models that come with the request to load them (`--repository-api files`). */

const input = { name: "x", datatype: "FP32", shape: [1], data: [1] };

function fileOf(offset: number): string {
  const path = join(temporaryFolder(), "model.onnx");
  save(path, offsetModel(offset));
  return readFileSync(path).toString("base64");
}

async function start(cache: string, ...more: string[]): Promise<TestServer> {
  const repository = temporaryFolder();
  save(join(repository, "own/1/model.onnx"), offsetModel(1));
  const words = ["--repository", repository, "--repository-api", "files", "--cache-dir", cache];
  return startServer({ args: [...words, ...more] });
}

function load(server: TestServer, name: string, files: Record<string, string>): Promise<Json> {
  const parameters: Record<string, string> = { config: '{"backend":"onnxruntime"}' };
  for (const [path, content] of Object.entries(files)) parameters[`file:${path}`] = content;
  const path = `/v2/repository/models/${name}/load`;
  return http1(server.port, { path, method: "POST", body: JSON.stringify({ parameters }) });
}

async function value(server: TestServer, name: string): Promise<number> {
  const body = inferBody([input]);
  const reply = await http1(server.port, { path: `/v2/models/${name}/infer`, body });
  expect(reply.status, reply.text).toBe(200);
  return reply.json().outputs[0].data[0];
}

/** Folders of files that came with requests. */
function staged(cache: string): string[] {
  const owners = join(cache, "v1/owners");
  return readdirSync(owners).flatMap((owner) => readdirSync(join(owners, owner)));
}

it("serves files of a request, and those that come after them in their place", async () => {
  const cache = temporaryFolder();
  const server = await start(cache, "--watch");
  try {
    expect((await load(server, "guest", { "1/model.onnx": fileOf(1) })).text).toContain("true");
    expect(await value(server, "guest")).toBe(2);
    expect(staged(cache)).toHaveLength(1);
    for (const offset of [2, 3, 4]) {
      const reply = await load(server, "guest", { "1/model.onnx": fileOf(offset) });
      expect(reply.status, reply.text).toBe(200);
      expect(await value(server, "guest")).toBe(offset + 1);
    }
    expect(staged(cache)).toHaveLength(1);
    expect(await value(server, "own")).toBe(2);
    await load(server, "own", { "1/model.onnx": fileOf(7) });
    expect(await value(server, "own")).toBe(8);
    expect(staged(cache)).toHaveLength(2);
  } finally {
    expect(await server.stop()).toBe(0);
  }
  expect(staged(cache)).toEqual([]);
});

it("goes on with what it had where files are no model, and keeps no more than that", async () => {
  const cache = temporaryFolder();
  const server = await start(cache);
  try {
    await load(server, "guest", { "1/model.onnx": fileOf(1) });
    for (let times = 0; times < 3; times += 1) {
      const torn = Buffer.from("this is a poem").toString("base64");
      const reply = await load(server, "guest", { "1/model.onnx": torn });
      expect([reply.status, reply.text]).toEqual([400, expect.stringContaining("'guest'")]);
      expect(await value(server, "guest")).toBe(2);
    }
    expect(staged(cache)).toHaveLength(2);
    const outside = await load(server, "guest", { "../1/model.onnx": fileOf(1) });
    expect([outside.status, outside.text]).toEqual([400, expect.stringContaining("below the")]);
    expect((await load(server, "guest", { "1/model.onnx": fileOf(5) })).status).toBe(200);
    expect(await value(server, "guest")).toBe(6);
    expect(staged(cache)).toHaveLength(1);
  } finally {
    await server.stop();
  }
});

it("takes away what a killed server left", async () => {
  const cache = temporaryFolder();
  const killed = await start(cache);
  await load(killed, "guest", { "1/model.onnx": fileOf(1) });
  killed.process.kill("SIGKILL");
  await killed.ended;
  expect(staged(cache)).toHaveLength(1);
  const next = await start(cache);
  try {
    await load(next, "guest", { "1/model.onnx": fileOf(2) });
    await wait(50);
    expect(await value(next, "guest")).toBe(3);
    expect(staged(cache)).toHaveLength(1);
  } finally {
    await next.stop();
  }
});
