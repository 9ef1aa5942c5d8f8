import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StreamLimits, Streams } from "../../src/net/streams.ts";

const limits: StreamLimits = {
  framesBase: 20,
  frameBytesMin: 16,
  bodyMsBase: 200,
  bodyBytesPerMsMin: 10,
  stalledReaderMsMax: 200,
  checkMs: 20,
};

let server: Http2Server;
let client: ClientHttp2Session;
let streams: Streams;
let grpcBytes: number;

beforeEach(async () => {
  server = createServer();
  grpcBytes = 0;
  // Stands where the gRPC library puts its listener.
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (headers["x-throw"] !== undefined) throw new Error("a listener that throws");
    stream.on("data", (piece: Buffer) => {
      grpcBytes += piece.length;
    });
    stream.on("error", () => {});
    stream.on("end", () => stream.end("grpc"));
  });
  streams = new Streams(limits);
  streams.share(server, (request, reply) => {
    request.resume();
    request.on("error", () => {});
    request.on("end", () => reply.end(request.url === "/big" ? Buffer.alloc(4_000_000) : "rest"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on("error", () => {});
});

afterEach(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const grpcType = { "content-type": "application/grpc+proto" };

function open(headers: Record<string, string> = {}) {
  const stream = client.request({ ":method": "POST", ":path": "/", ...headers });
  let text = "";
  stream.on("data", (piece) => {
    text += piece;
  });
  const over = new Promise<{ text: string; code: number | undefined }>((resolve) => {
    stream.on("error", () => {});
    stream.on("close", () => resolve({ text, code: stream.rstCode }));
  });
  return { stream, over };
}

async function frames(stream: ReturnType<typeof open>["stream"], count: number): Promise<void> {
  for (let frame = 0; frame < count && !stream.destroyed; frame += 1) {
    await new Promise<void>((resolve) => {
      stream.write(Buffer.from([frame]), () => resolve());
    });
  }
}

describe("streams of one connection", () => {
  it("may be refused by their headers, and are then nobody else's", async () => {
    const other = createServer();
    let heard = 0;
    other.on("stream", () => {
      heard += 1;
    });
    const refusal = { ":status": 200, "grpc-status": "14", "grpc-message": "full" };
    new Streams(limits).share(
      other,
      () => {},
      () => refusal,
    );
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const session = connect(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    const stream = session.request({ ":method": "POST", ":path": "/", ...grpcType });
    const answered = new Promise((resolve) => stream.on("response", resolve));
    stream.write(Buffer.alloc(100_000));
    expect(await answered).toMatchObject({ "grpc-status": "14", "grpc-message": "full" });
    expect(heard).toBe(0);
    stream.on("error", () => {});
    session.destroy();
    await new Promise((resolve) => other.close(resolve));
  });

  it("go by their content type, side by side", async () => {
    const calls = [open(grpcType), open(), open(grpcType)];
    for (const { stream } of calls) stream.end("x");
    const answers = await Promise.all(calls.map(({ over }) => over));
    expect(answers.map(({ text }) => text)).toEqual(["grpc", "rest", "grpc"]);
    expect(grpcBytes).toBe(2);
  });

  it("that trip their listener up end alone", async () => {
    const bad = open({ ...grpcType, "x-throw": "yes" });
    const good = open(grpcType);
    bad.stream.end();
    good.stream.end();
    expect((await good.over).text).toBe("grpc");
    expect((await bad.over).text).toBe("");
  });

  it("may have so many DATA frames for their bytes, at n and n + 1", async () => {
    const fits = open(grpcType);
    await frames(fits.stream, limits.framesBase);
    fits.stream.end();
    expect((await fits.over).text).toBe("grpc");
    const exceeds = open(grpcType);
    await frames(exceeds.stream, limits.framesBase + 4);
    const enhanceYourCalm = 11;
    expect((await exceeds.over).code).toBe(enhanceYourCalm);
    const large = open(grpcType);
    for (let frame = 0; frame < 3 * limits.framesBase; frame += 1) {
      await new Promise<void>((resolve) => {
        large.stream.write(Buffer.alloc(64), () => resolve());
      });
    }
    large.stream.end();
    expect((await large.over).text).toBe("grpc");
  });

  it("end when their body does not get on, and only then", async () => {
    const slow = open(grpcType);
    slow.stream.write("x");
    const steady = open(grpcType);
    const timer = setInterval(() => steady.stream.write(Buffer.alloc(2_000)), 20);
    expect((await slow.over).code).toBe(11);
    expect(steady.stream.destroyed).toBe(false);
    clearInterval(timer);
    steady.stream.end();
    expect((await steady.over).text).toBe("grpc");
  });

  it("end when their reader takes nothing of the answer", async () => {
    const { stream, over } = open({ ":path": "/big" });
    stream.end();
    stream.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { code } = await over;
    expect(code).toBe(11);
  });

  it("are shed by size: the largest unfinished request goes first", async () => {
    const [small, large] = [open(grpcType), open(grpcType)];
    small.stream.write(Buffer.alloc(10));
    large.stream.write(Buffer.alloc(1_000));
    while (grpcBytes < 1_010) await new Promise((resolve) => setTimeout(resolve, 5));
    streams.shed();
    expect((await large.over).code).toBe(11);
    small.stream.end();
    expect((await small.over).text).toBe("grpc");
  });
});
