import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { framesBase } from "../../src/domain/limits.ts";
import { cases } from "../support/cases.ts";
import { corpus, dataFrame, grpcOpening, type Hostile, mutated } from "../support/corpus.ts";
import { http1, inferBody } from "../support/http.ts";
import { identityModel, save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Hostile bytes against the real server, with a well-behaved client beside them. */

let server: TestServer;
const path = "/v2/models/echo/infer";

async function start(): Promise<TestServer> {
  const folder = temporaryFolder();
  const echo = save(join(folder, "echo.onnx"), identityModel("UINT8"));
  const text = save(join(folder, "text.onnx"), identityModel("BYTES"));
  return startServer({ args: [`echo=${echo}`, `text=${text}`, "--workers", "1"] });
}

beforeAll(async () => {
  server = await start();
});

afterAll(async () => {
  expect(await server.stop(), server.log().slice(-2_000)).toBe(0);
});

function residentMiB(): number {
  const pages = readFileSync(`/proc/${server.process.pid}/statm`, "utf8").split(" ")[1];
  return (Number(pages) * 4_096) / 2 ** 20;
}

/** Sends what it is given on a connection of its own; resolves when that is over, or soon after. */
function send({ bytes }: Hostile): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    let answer = "";
    const over = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(over, 60);
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", over);
    socket.write(bytes);
  });
}

async function sendAll(hostile: readonly Hostile[], atOnce: number): Promise<void> {
  const waiting = hostile.values();
  const lane = async () => {
    for (const one of waiting) {
      const answer = await send(one);
      expect(answer, one.name).not.toMatch(/^HTTP\/1\.1 500/);
      expect(answer, one.name).not.toMatch(/node_modules|\/dist\/|at file:|onnxruntime/i);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function expectHealthy(): Promise<void> {
  const body = inferBody([{ name: "x", datatype: "UINT8", shape: [1, 2], data: [7, 8] }]);
  const reply = await http1(server.port, { path, body });
  expect([reply.status, reply.json().outputs[0].data]).toEqual([200, [7, 8]]);
  expect(server.process.exitCode).toBe(null);
  expect(server.log()).not.toMatch(/"level":"error"/);
}

/** What `work` added to the server's memory. */
async function growthMiB(work: () => Promise<void>): Promise<number> {
  const before = residentMiB();
  await work();
  return residentMiB() - before;
}

describe("hostile bytes", { timeout: 600_000 }, () => {
  it("are at least 400 of them", () => {
    expect(corpus.length).toBeGreaterThanOrEqual(400);
  });

  it("as they are do no harm", async () => {
    await sendAll(corpus, 24);
    await expectHealthy();
  });

  it("mutated do no harm, beside a client that is served all the while", async () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const hostile = Array.from({ length: cases(1_000) }, () => {
      const one = corpus[Math.floor(random() * corpus.length)];
      return one === undefined ? { name: "", bytes: Buffer.alloc(1) } : mutated(one, random);
    });
    let done = false;
    const attack = sendAll(hostile, 24).finally(() => {
      done = true;
    });
    while (!done) await expectHealthy();
    await attack;
    await expectHealthy();
  });
});

describe("memory stays within bounds", { timeout: 120_000 }, () => {
  const size = 2 ** 20;

  // What was freed before would hide what is taken now, and what a start still brings would count.
  beforeAll(async () => {
    expect(await server.stop()).toBe(0);
    server = await start();
    await expectHealthy();
    for (let before = 0; residentMiB() - before > 1; await pause(1_000)) before = residentMiB();
  });

  it("for a body of 1 MiB in one-byte chunks, refused at the limit of chunks", async () => {
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunks = Buffer.from("1\r\n \r\n".repeat(size));
    const growth = await growthMiB(async () => {
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(server.port, "127.0.0.1");
        let text = "";
        socket.on("data", (piece) => {
          text += piece;
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve(text));
        socket.write(head);
        socket.end(chunks);
      });
      expect(answer).toMatch(/^HTTP\/1\.1 413/);
    });
    expect(growth).toBeLessThan(32);
    await expectHealthy();
  });

  it("for a message of 1 MiB in one-byte DATA frames, ended at the limit of frames", async () => {
    const growth = await growthMiB(async () => {
      const socket = connect(server.port, "127.0.0.1");
      let reset = false;
      socket.on("error", () => {});
      socket.on("data", (piece) => {
        // RST_STREAM of stream 1 with ENHANCE_YOUR_CALM.
        reset ||= piece.includes(Buffer.from("00000403000000000100" + "00000b", "hex"));
      });
      socket.write(grpcOpening(size));
      const frames = Buffer.concat(Array.from({ length: 4_096 }, () => dataFrame(Buffer.alloc(1))));
      for (let sent = 0; sent < 3 * framesBase && !reset; sent += 4_096) {
        socket.write(frames);
        // The window of the stream is 64 KiB; the server opens it again as it reads.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      // On a slow machine the server has yet to read what was sent.
      await vi.waitFor(() => expect(reset).toBe(true), 20_000);
      socket.destroy();
    });
    // 65,536 frames cost grpc-js about 280 bytes each before the stream is ended.
    expect(growth).toBeLessThan(64);
    await expectHealthy();
  });

  it("for shapes and lengths that lie", async () => {
    const growth = await growthMiB(async () => {
      const lies = [
        { name: "x", datatype: "UINT8", shape: [2 ** 14, 2 ** 14], data: [] },
        { name: "x", datatype: "UINT8", shape: [2 ** 40, 2 ** 40], data: [1] },
        { name: "x", datatype: "UINT8", shape: [65_536, 65_536, 65_536, 65_536], data: [1] },
      ];
      for (let round = 0; round < 20; round += 1) {
        for (const lie of lies) {
          expect((await http1(server.port, { path, body: inferBody([lie]) })).status).toBe(400);
        }
        const lie = { name: "x", datatype: "BYTES", shape: [1, 2 ** 20] };
        const json = inferBody([{ ...lie, parameters: { binary_data_size: 4 } }]);
        const body = Buffer.concat([Buffer.from(json), Buffer.from([255, 255, 255, 255])]);
        const headers = { "inference-header-content-length": String(json.length) };
        const reply = await http1(server.port, { path: "/v2/models/text/infer", body, headers });
        expect(reply.status).toBe(400);
      }
    });
    expect(growth).toBeLessThan(32);
  });
});
