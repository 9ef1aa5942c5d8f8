import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Port, type PortLimits } from "../../src/net/port.ts";
import { versionOf } from "../../src/net/sniff.ts";
import { http1, http2 } from "../support/http.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const limits: PortLimits = {
  connectionsMax: 4,
  prefaceMsMax: 150,
  headersMsMax: 150,
  stalledReaderMsMax: 300,
  checkMs: 25,
};

let port: Port;
let plain: HttpServer;
let second: Http2Server;

beforeEach(async () => {
  plain = createServer((_, reply) => reply.end("one"));
  second = createHttp2Server();
  second.on("stream", (stream) => stream.end("two"));
  port = new Port({
    host: "127.0.0.1",
    ports: [0],
    http1: plain,
    http2: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return second;
    },
    limits,
  });
  await port.open();
});

afterEach(async () => {
  port.destroy();
  await port.close();
});

const number = () => port.numbers()[0] ?? 0;

function client(): Socket {
  const socket = connect(number(), "127.0.0.1");
  socket.on("error", () => {});
  return socket;
}

function closed(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
  });
  return new Promise((resolve) => socket.once("close", () => resolve(text)));
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

describe("first bytes", () => {
  it("decide as soon as they can", () => {
    for (let length = 0; length < preface.length; length += 1) {
      expect(versionOf(Buffer.from(preface.slice(0, length)))).toBe(undefined);
    }
    expect(versionOf(Buffer.from(preface))).toBe("http2");
    expect(versionOf(Buffer.from(`${preface}more`))).toBe("http2");
    for (const text of ["G", "POST", "PRI *  ", "PRI * HTTP/1.1", "\u0016\u0003\u0001"]) {
      expect(versionOf(Buffer.from(text, "latin1"))).toBe("http1");
    }
  });
});

describe("one port", () => {
  it("gives each connection to the server that speaks its version", async () => {
    expect((await http1(number(), { path: "/" })).text).toBe("one");
    expect((await http2(number(), { path: "/" })).text).toBe("two");
  });

  it("takes HTTP/1.1 byte by byte, and several requests on a connection", async () => {
    const socket = client();
    let text = "";
    socket.on("data", (piece) => {
      text += piece;
    });
    for (const byte of get) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(get);
    while ((text.match(/one/g) ?? []).length < 2) await new Promise((r) => setTimeout(r, 5));
    socket.destroy();
  });

  it("ends connections that say nothing, or not enough", async () => {
    expect(await closed(client())).toBe("");
    const half = client();
    half.write(preface.slice(0, 10));
    expect(await closed(half)).toBe("");
    const trickle = client();
    trickle.write("GET / HTTP/1.1\r\nX");
    const timer = setInterval(() => trickle.write("x"), 20);
    expect(await closed(trickle)).toContain("408 Request Timeout");
    clearInterval(timer);
  });

  it("ends a connection whose second request does not get on", async () => {
    const socket = client();
    socket.write(get);
    socket.once("data", () => socket.write("GET / HT"));
    const text = await closed(socket);
    expect(text).toContain("one");
    expect(text).toContain("408");
  });

  it("ends a connection that is cut off before it has said what it speaks", async () => {
    const socket = client();
    socket.end("PRI");
    await closed(socket);
  });

  it("answers a client that has stopped sending", async () => {
    const socket = client();
    socket.end(get);
    expect(await closed(socket)).toContain("one");
  });

  it("holds no more connections than it may, at n and n + 1", async () => {
    const sockets = Array.from({ length: limits.connectionsMax }, () => client());
    for (const socket of sockets) socket.write("GET /");
    await Promise.all(sockets.map((s) => new Promise((resolve) => s.once("connect", resolve))));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await closed(client())).toBe("");
    expect(sockets.filter((socket) => socket.destroyed)).toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  it("ends a connection whose reader takes nothing of a large answer", async () => {
    plain.removeAllListeners("request");
    plain.on("request", (_, reply) => reply.end(Buffer.alloc(64_000_000)));
    const socket = client();
    socket.write(get);
    socket.pause();
    const over = new Promise((resolve) =>
      plain.once("connection", (own) => own.once("close", resolve)),
    );
    await over;
    socket.destroy();
  });

  it("takes no connection while it is told to take none", async () => {
    port.accept(false);
    expect(await closed(client())).toBe("");
    port.accept(true);
    expect((await http1(number(), { path: "/" })).text).toBe("one");
  });

  it("sheds the connection that brings the most", async () => {
    plain.removeAllListeners("request");
    plain.on("request", (request) => request.resume());
    const [small, large] = [client(), client()];
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    small.write(`${head}x`);
    large.write(`${head}${"x".repeat(10_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const over = closed(large);
    port.shed();
    await over;
    expect(small.destroyed).toBe(false);
    small.destroy();
  });

  it("closes each connection after its answer once it drains", async () => {
    port.drain();
    const socket = client();
    socket.write(get);
    expect(await closed(socket)).toContain("Connection: close");
  });
});
