import { ProtoWriter } from "../../src/wire/protobuf.ts";

/**
 * Raw bytes that no decent client sends, or only just: HTTP/1 requests, HTTP/2 frames and gRPC
 * messages. Each is what a whole connection sends.
 */

export interface Hostile {
  readonly name: string;
  readonly bytes: Buffer;
}

const path = "/v2/models/echo/infer";
const latin = (text: string) => Buffer.from(text, "latin1");

function http1(): Hostile[] {
  const lines = [
    "GET / HTTP/1.1",
    "GET  /v2 HTTP/1.1",
    "GET /v2",
    "GET /v2 HTTP/1.9",
    "GET /v2 HTTP/2.0",
    "get /v2 HTTP/1.1",
    "G\0T /v2 HTTP/1.1",
    `GET ${"/a".repeat(4_000)} HTTP/1.1`,
    "GET /v2/models/%00/ready HTTP/1.1",
    "GET /v2/models/..%2f..%2fetc/ready HTTP/1.1",
    "GET /v2/models/%ff%fe/ready HTTP/1.1",
    "GET /v2\\..\\ HTTP/1.1",
    "GET http://other/v2 HTTP/1.1",
    "GET //other/v2 HTTP/1.1",
    "CONNECT other:80 HTTP/1.1",
    "TRACE /v2 HTTP/1.1",
    "PRI * HTTP/1.1",
    "PRI * HTTP/2.0",
    "OPTIONS * HTTP/1.1",
    `POST ${path} HTTP/1.1`,
  ];
  const headers = [
    "Host: a",
    "Host: a\r\nHost: b",
    "Host: a b",
    "Host: [::1",
    "Host : a",
    "Host: a\r\n folded: yes",
    "Host: a\nX: y",
    "Host: a\r\nContent-Length: 5\r\nContent-Length: 6",
    "Host: a\r\nContent-Length: +5",
    "Host: a\r\nContent-Length: -1",
    "Host: a\r\nContent-Length: 99999999999999999999",
    "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
    "Host: a\r\nTransfer-Encoding: chunked, identity",
    "Host: a\r\nTransfer-Encoding: xchunked",
    "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Host: a\r\nExpect: 200-maybe",
    `Host: a\r\n${Array.from({ length: 200 }, (_, i) => `X${i}: y`).join("\r\n")}`,
    "Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade",
    "Host: a\r\nInference-Header-Content-Length: 4294967296",
    "Host: a\r\nContent-Encoding: gzip",
    "Host: a\r\nContent-Encoding: deflate\r\nContent-Encoding: gzip",
    "Host: a\r\nAccept-Encoding: ;q=,*;;q=1e9,gzip;q=-1",
    "Host: a\r\nInference-Header-Content-Length: 0",
  ];
  return lines.flatMap((line) =>
    headers.map((header, index) => ({
      name: `HTTP/1 ${line.slice(0, 30)} · ${index}`,
      bytes: latin(`${line}\r\n${header}\r\n\r\n0\r\n\r\n`),
    })),
  );
}

function chunked(): Hostile[] {
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const bodies = [
    "zz\r\n",
    "-1\r\n{}\r\n0\r\n\r\n",
    "ffffffffffffffff\r\n{}",
    "100000000\r\n{}",
    "2\r\n{}0\r\n\r\n",
    "2;ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
    "0\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n",
    "2\n{}\n0\n\n",
  ];
  return bodies.map((body, index) => ({ name: `chunks ${index}`, bytes: latin(head + body) }));
}

/** Bodies for V1 and for CloudEvents, whole and broken. */
function events(): Hostile[] {
  const attributes = '"specversion":"1.0","id":"7","source":"/x","type":"t"';
  const binary = "ce-specversion: 1.0\r\nce-id: 7\r\nce-source: /x\r\nce-type: t";
  const structured = "content-type: application/cloudevents+json";
  const bodies = [
    '{"instances":[[7,8]]}',
    '{"instances":[[7,300]]}',
    '{"instances":[{"x":[7,8]},{"x":[7]}]}',
    '{"instances":[{"x":[7,8]},[7,8]]}',
    '{"instances":[]}',
    '{"instances":[[[[[[]]]]]]}',
    `{"instances":${"[".repeat(200)}`,
    '{"inputs":{"x":[[7,8]],"x":[[7]]}}',
    '{"inputs":{"__proto__":[[7,8]]}}',
    '{"instances":[{"b64":"/w=="}]}',
    `{${attributes},"data":{"instances":[[7,8]]}}`,
    `{${attributes},"data":`,
    `{${attributes},"data":{},"data_base64":"e30="}`,
    `{${attributes},"data_base64":"e3\\u0030="}`,
    `{"data":{"data":{"data":1}},${attributes}}`,
  ];
  const headers = ["Host: a", `Host: a\r\n${binary}`, `Host: a\r\n${structured}`];
  return bodies.flatMap((body, index) =>
    headers.flatMap((header, kind) =>
      ["/v1/models/echo:predict", path].map((target) => ({
        name: `event ${index}, headers ${kind}, ${target}`,
        bytes: latin(
          `POST ${target} HTTP/1.1\r\n${header}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        ),
      })),
    ),
  );
}

const preface = latin("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const settings = frame(4, 0, 0, Buffer.alloc(0));

/** Literal headers without the dynamic table (RFC 7541, section 6.2.2). */
function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    latin(name),
    Buffer.from([value.length]),
    latin(value),
  ]);
  return Buffer.concat(parts);
}

const callTo = (method: string) =>
  headerBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", method],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);
const grpcHeaders = callTo("/inference.GRPCInferenceService/ModelInfer");
const unknownMethod = callTo("/inference.GRPCInferenceService/None");
const streamHeaders = callTo("/inference.GRPCInferenceService/ModelStreamInfer");
const reflectionHeaders = callTo("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");

/** The beginning of a connection with one gRPC call, whose message is to have so many bytes. */
export function grpcOpening(messageBytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(messageBytes, 1);
  return Buffer.concat([preface, settings, frame(1, 4, 1, grpcHeaders), dataFrame(head)]);
}

export function dataFrame(payload: Uint8Array): Buffer {
  return frame(0, 0, 1, payload);
}

function http2Frames(): Hostile[] {
  const hostile: Hostile[] = [];
  for (let type = 0; type <= 12; type += 1) {
    for (const [index, payload] of [0, 1, 5, 8, 300].entries()) {
      for (const stream of [0, 1, 2]) {
        const bytes = frame(type, 0xff, stream, Buffer.alloc(payload, index + 1));
        const name = `HTTP/2 type ${type}, ${payload} bytes, stream ${stream}`;
        hostile.push({ name, bytes: Buffer.concat([preface, settings, bytes]) });
      }
    }
  }
  const open = frame(1, 4, 1, grpcHeaders);
  const others: Record<string, Buffer> = {
    "no settings": open,
    "headers without end": Buffer.concat([settings, frame(1, 0, 1, grpcHeaders)]),
    "a frame too large": Buffer.concat([settings, frame(0, 0, 1, Buffer.alloc(20_000))]),
    "data before headers": Buffer.concat([settings, frame(0, 1, 1, Buffer.from("x"))]),
    "window overflow": Buffer.concat([
      settings,
      open,
      frame(8, 0, 1, Buffer.from("7fffffff", "hex")),
    ]),
    "window of nothing": Buffer.concat([settings, open, frame(8, 0, 1, Buffer.alloc(4))]),
    "an unknown method, reset at once": Buffer.concat([
      settings,
      frame(1, 4, 1, unknownMethod),
      frame(3, 0, 1, Buffer.alloc(4)),
    ]),
    "reset at once": Buffer.concat([settings, open, frame(3, 0, 1, Buffer.alloc(4))]),
    "cut off": Buffer.concat([settings, open]).subarray(0, 40),
  };
  for (const [name, bytes] of Object.entries(others)) {
    hostile.push({ name: `HTTP/2 ${name}`, bytes: Buffer.concat([preface, bytes]) });
  }
  return hostile;
}

function grpcMessages(): Hostile[] {
  const named = new ProtoWriter().string(1, "echo").finish();
  const tensor = (shape: readonly (number | bigint)[], raw: Uint8Array, datatype = "UINT8") => {
    const writer = new ProtoWriter().string(1, "echo");
    writer.message(5, (input) => {
      input.string(1, "x").string(2, datatype);
      for (const dim of shape) input.int64(3, dim);
    });
    return writer.bytes(7, raw).finish();
  };
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff]);
  const messages: Record<string, Uint8Array> = {
    empty: Buffer.alloc(0),
    name: named,
    "a length of 2^64": Buffer.from("0affffffffffffffffff01", "hex"),
    "a varint without end": Buffer.alloc(20, 0xff),
    "field 0": Buffer.from("0000", "hex"),
    "groups in groups": Buffer.alloc(10_000, 0x0b),
    "a shape of 2^40": tensor([2 ** 20, 2 ** 20], Buffer.alloc(4)),
    "a shape that overflows": tensor([2n ** 62n, 4, 4], Buffer.alloc(4)),
    "a negative shape": tensor([-1, 4], Buffer.alloc(4)),
    "more bytes than the shape": tensor([1, 2], Buffer.alloc(400)),
    "a string that lies": tensor([1, 1], huge, "BYTES"),
    "strings that are not there": tensor([1, 2 ** 27], Buffer.alloc(64), "BYTES"),
    "another datatype": tensor([1, 1], Buffer.alloc(4), "FLOAT"),
    text: Buffer.from("this is no message"),
  };
  const frames = (message: Uint8Array, flag: number, length = message.length) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flag, 0);
    head.writeUInt32BE(length, 1);
    const data = frame(0, 1, 1, Buffer.concat([head, message]));
    return Buffer.concat([preface, settings, frame(1, 4, 1, grpcHeaders), data]);
  };
  return Object.entries(messages).flatMap(([name, message]) => [
    { name: `gRPC ${name}`, bytes: frames(message, 0) },
    { name: `gRPC ${name}, said to be compressed`, bytes: frames(message, 1) },
    { name: `gRPC ${name}, with a flag that is none`, bytes: frames(message, 7) },
    { name: `gRPC ${name}, of a length of 2^32 − 1`, bytes: frames(message, 0, 2 ** 32 - 1) },
    { name: `gRPC ${name}, cut off`, bytes: frames(message, 0, message.length + 1) },
    { name: `stream of ${name}`, bytes: streamOf([message, message], streamHeaders) },
    { name: `reflection on ${name}`, bytes: streamOf([message, named], reflectionHeaders) },
  ]);
}

/** A stream of messages, each in a frame of its own, that its client does not end. */
function streamOf(messages: readonly Uint8Array[], headers: Buffer): Buffer {
  const frames = messages.map((message) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    return dataFrame(Buffer.concat([head, message]));
  });
  return Buffer.concat([preface, settings, frame(1, 4, 1, headers), ...frames]);
}

export const corpus: readonly Hostile[] = [
  ...http1(),
  ...chunked(),
  ...events(),
  ...http2Frames(),
  ...grpcMessages(),
];

/** One of the corpus with some bytes changed, dropped or doubled; `random` decides. */
export function mutated({ name, bytes }: Hostile, random: () => number): Hostile {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  const choice = random();
  const to = at + Math.floor(random() * 8);
  if (choice < 0.5) copy[at] = Math.floor(random() * 256);
  if (choice < 0.7) return { name: `${name}, byte ${at} changed`, bytes: copy };
  const pieces =
    choice < 0.85
      ? [copy.subarray(0, at), copy.subarray(to)]
      : [copy.subarray(0, to), copy.subarray(at)];
  return { name: `${name}, cut or doubled at ${at}`, bytes: Buffer.concat(pieces) };
}
