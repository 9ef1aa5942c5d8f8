import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcClient } from "../support/grpc.ts";
import { http1, http2, type Reply, type Send } from "../support/http.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { chapters } from "./chapters.ts";
import type { ExpectedBody, GrpcGolden, RestGolden, StreamGolden } from "./golden.ts";
import { goldenModels } from "./models.ts";
import { protocolsPage } from "./page.ts";

/** Plays every golden conversation with one real server. */

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ args: [...goldenModels(), "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

for (const { title, goldens } of chapters) {
  describe(title, () => {
    for (const golden of goldens) {
      if (golden.kind === "grpc") it(golden.title, () => playGrpc(golden));
      else if (golden.kind === "stream") it(golden.title, () => playStream(golden));
      else {
        it(`${golden.title} (HTTP/1.1)`, () => playRest(golden, http1));
        it(`${golden.title} (HTTP/2)`, () => playRest(golden, http2));
      }
    }
  });
}

it("makes the page that is in docs", () => {
  const page = join(import.meta.dirname, "../../docs/protocols.md");
  expect(readFileSync(page, "utf8")).toBe(protocolsPage());
});

async function playRest(golden: RestGolden, by: (port: number, send: Send) => Promise<Reply>) {
  const reply = await by(server.port, golden.send);
  expect(reply, reply.text.slice(0, 500)).toMatchObject({ status: golden.status });
  for (const [name, value] of Object.entries(golden.headers ?? {})) {
    expect(reply.headers[name], name).toBe(value ?? undefined);
  }
  if (golden.body !== undefined) expectBody(reply, golden.body);
}

function expectBody(reply: Reply, body: ExpectedBody): void {
  if ("json" in body) expect(reply.json()).toEqual(body.json);
  else if ("partOf" in body) expect(reply.json()).toMatchObject(body.partOf);
  else if ("text" in body) expect(reply.text).toBe(body.text);
  else if ("bytes" in body) expect(reply.body).toEqual(Buffer.from(body.bytes));
  else expect(reply.json()).toEqual({ error: expect.stringContaining(body.error) });
}

async function playStream({ metadata, messages, answers, code }: StreamGolden): Promise<void> {
  const client = new GrpcClient(server.port);
  try {
    const given = await client.converse(messages, metadata);
    expect(given.code).toBe(code);
    expect(given.answers).toMatchObject(answers);
  } finally {
    client.close();
  }
}

async function playGrpc({ method, message, code, details, fields }: GrpcGolden): Promise<void> {
  const client = new GrpcClient(server.port);
  try {
    const answer = await client.call(method, message).then(
      (given) => ({ code: 0, details: "", given }),
      (error) => ({ code: error.code, details: error.details, given: {} }),
    );
    expect(answer).toMatchObject({ code, details: expect.stringContaining(details ?? "") });
    if (fields !== undefined) expect(answer.given).toMatchObject(fields);
  } finally {
    client.close();
  }
}
