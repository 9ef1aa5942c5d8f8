import { connect as http2Connect } from "node:http2";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { floats, GrpcClient } from "../support/grpc.ts";
import { http1, http2, inferBody, irisInput } from "../support/http.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** Every protocol on the one port of the real server, also on one connection. */

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ args: [`iris=${irisModel}`, "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const row = [6.8, 2.8, 4.8, 1.4];
const path = "/v2/models/iris/infer";
const body = inferBody([irisInput(row)]);

/** A socket that sends what it is given one byte at a time. */
function slowly(socket: Socket, bytesMax: number): Duplex {
  let sent = 0;
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _, done) => {
      const send = async () => {
        for (const byte of chunk) {
          socket.write(Buffer.from([byte]));
          sent += 1;
          if (sent < bytesMax) await new Promise((resolve) => setTimeout(resolve, 2));
        }
      };
      send().then(() => done(), done);
    },
    final: (done) => {
      socket.end();
      done();
    },
  });
  socket.on("data", (piece) => duplex.push(piece));
  socket.on("end", () => duplex.push(null));
  return duplex;
}

/** A gRPC call by hand: one message in its frame. */
function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

describe("one port", () => {
  it("answers HTTP/1.1, HTTP/2 and gRPC at once", async () => {
    const client = new GrpcClient(server.port);
    const input = { name: "input-0", datatype: "FP32", shape: [1, 4] };
    const message = { model_name: "iris", inputs: [input], raw_input_contents: [floats(row)] };
    const answers = await Promise.all([
      http1(server.port, { path, body }).then((reply) => reply.json().outputs[0].data[0]),
      http2(server.port, { path, body }).then((reply) => reply.json().outputs[0].data[0]),
      client
        .call("ModelInfer", message)
        .then((answer) => Number(answer.raw_output_contents[0].readBigInt64LE())),
    ]);
    expect(answers).toEqual([1, 1, 1]);
    client.close();
  });

  it("answers REST and gRPC on one connection whose preface comes byte by byte", async () => {
    const socket = connect(server.port, "127.0.0.1");
    const session = http2Connect("http://localhost", {
      createConnection: () => slowly(socket, 40),
    });
    const call = (headers: Record<string, string>, content: Uint8Array) =>
      new Promise<{ status: unknown; grpc: unknown; bytes: Buffer }>((resolve, reject) => {
        const stream = session.request({ ":method": "POST", ...headers });
        const pieces: Buffer[] = [];
        let status: unknown;
        let grpc: unknown;
        stream.on("response", (given) => {
          status = given[":status"];
        });
        stream.on("trailers", (given) => {
          grpc = given["grpc-status"];
        });
        stream.on("data", (piece) => pieces.push(piece));
        stream.on("error", reject);
        stream.on("close", () => resolve({ status, grpc, bytes: Buffer.concat(pieces) }));
        stream.end(content);
      });
    const rest = () => call({ ":path": path }, Buffer.from(body));
    const grpc = () =>
      call(
        {
          ":path": "/inference.GRPCInferenceService/ServerLive",
          "content-type": "application/grpc",
          te: "trailers",
        },
        frame(new Uint8Array()),
      );
    const [first, live, again, ...more] = await Promise.all([
      rest(),
      grpc(),
      rest(),
      grpc(),
      rest(),
    ]);
    expect(JSON.parse(first.bytes.toString()).outputs[0].data).toEqual([1]);
    expect([live.status, live.grpc]).toEqual([200, "0"]);
    expect(live.bytes).toEqual(frame(new Uint8Array([8, 1])));
    expect([again, ...more].map(({ status }) => status)).toEqual([200, 200, 200]);
    session.destroy();
  });
});
