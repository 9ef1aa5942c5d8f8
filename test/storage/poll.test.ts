import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { http1, inferBody, type Json } from "../support/http.ts";
import { offsetModel, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ObjectServer } from "./object-server.ts";
import { environment } from "./schemes.ts";

/** `--poll`: what changes in a store is served, and a request never notices. */

const graph = (offset: number) => Buffer.from(offsetModel(offset));
const models: Record<string, Buffer> = {
  "alone/1/model.onnx": graph(1),
  "many/one/model.onnx": graph(10),
  "many/two/1/model.onnx": graph(20),
};
const input = { name: "x", datatype: "FP32", shape: [1], data: [1] };
let store: ObjectServer;
let server: TestServer;

beforeAll(async () => {
  store = await new ObjectServer({ bucket: models }).listen();
  const cache = temporaryFolder();
  const sources = ["alone=s3://bucket/alone", "--repository", "s3://bucket/many"];
  const args = [...sources, "--poll", "1s", "--repository-api", "--cache-dir", cache];
  server = await startServer({ args, env: environment(store.origin) });
});

afterAll(async () => {
  await server?.stop();
  await store?.close();
});

async function ask(model: string): Promise<number> {
  const path = `/v2/models/${model}/infer`;
  const reply = await http1(server.port, { path, method: "POST", body: inferBody([input]) });
  return reply.status === 200 ? reply.json().outputs[0].data[0] : -reply.status;
}

/** Asks without a pause until the answer is the last; every answer before it is another of these. */
async function turnsTo(model: string, ...answers: readonly number[]): Promise<void> {
  const end = Date.now() + 20_000;
  for (let got = answers[0] ?? 0; got !== answers.at(-1); got = await ask(model)) {
    if (!answers.includes(got)) throw new Error(`${model} answered ${got}`);
    if (Date.now() > end) throw new Error(`it never came: ${server.log().slice(-2_000)}`);
    await wait(5);
  }
}

describe("a store that is polled", () => {
  it("brings a new file of a version, and a new version", async () => {
    expect(await ask("alone")).toBe(2);
    models["alone/1/model.onnx"] = graph(2);
    await turnsTo("alone", 2, 3);
    models["alone/2/model.onnx"] = graph(3);
    await turnsTo("alone", 3, 4);
  });

  it("brings new models of a repository, and takes away what is gone", async () => {
    expect([await ask("one"), await ask("two")]).toEqual([11, 21]);
    models["many/three/model.onnx"] = graph(30);
    await turnsTo("three", -404, 31);
    delete models["many/one/model.onnx"];
    // While the last requests end it is unavailable, then it is not there.
    await turnsTo("one", 11, -503, -404);
    expect(await ask("two")).toBe(21);
  });

  it("leaves the old one serving where the new one is broken, and says why", async () => {
    models["many/two/1/model.onnx"] = Buffer.from("a poem");
    const end = Date.now() + 20_000;
    let entry: Json;
    do {
      await wait(50);
      const index = await http1(server.port, { path: "/v2/repository/index", method: "POST" });
      entry = index.json().find(({ name }: Json) => name === "two");
    } while (entry.reason === "" && Date.now() < end);
    expect(entry).toMatchObject({
      state: "READY",
      reason: expect.stringMatching(/^its new files: not an ONNX/),
    });
    expect(await ask("two")).toBe(21);
  });
});
