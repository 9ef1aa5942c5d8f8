import { request as httpRequest } from "node:http";
import { connect as http2Connect } from "node:http2";

/** REST over either version of HTTP, by Node's own clients. */

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json(): Json;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any form.
export type Json = any;

export interface Send {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** A body sent in pieces, its length not declared. */
  readonly pieces?: readonly Uint8Array[];
}

function reply(status: number, headers: Reply["headers"], body: Buffer): Reply {
  const text = body.toString();
  return { status, headers, body, text, json: () => JSON.parse(text) };
}

export function http1(port: number, { method, path, headers, body, pieces }: Send): Promise<Reply> {
  const posts = body !== undefined || pieces !== undefined;
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path,
        method: method ?? (posts ? "POST" : "GET"),
        headers: { ...length, ...headers },
        agent: false,
      },
      (incoming) => {
        const received: Buffer[] = [];
        incoming.on("data", (piece) => received.push(piece));
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve(reply(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(received)));
        });
      },
    );
    call.on("error", reject);
    for (const piece of pieces ?? []) call.write(piece);
    call.end(body);
  });
}

/** One connection of HTTP/2. */
export function http2Session(port: number) {
  const session = http2Connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const send = ({ method, path, headers, body, pieces }: Send): Promise<Reply> => {
    const posts = body !== undefined || pieces !== undefined;
    return new Promise((resolve, reject) => {
      const stream = session.request({
        ":path": path,
        ":method": method ?? (posts ? "POST" : "GET"),
        ...headers,
      });
      const received: Buffer[] = [];
      let answered: Reply["headers"] = {};
      stream.on("response", (given) => {
        answered = given;
      });
      stream.on("data", (piece) => received.push(piece));
      stream.on("error", reject);
      stream.on("close", () => {
        const status = Number(answered[":status"] ?? 0);
        resolve(reply(status, answered, Buffer.concat(received)));
      });
      for (const piece of pieces ?? []) stream.write(piece);
      stream.end(body);
    });
  };
  return { send, close: () => session.close() };
}

export async function http2(port: number, send: Send): Promise<Reply> {
  const session = http2Session(port);
  try {
    return await session.send(send);
  } finally {
    session.close();
  }
}

/** An inference with JSON inputs. */
export function inferBody(inputs: readonly object[], rest: object = {}): string {
  return JSON.stringify({ inputs, ...rest });
}

export function irisInput(...rows: readonly (readonly number[])[]): object {
  return { name: "input-0", datatype: "FP32", shape: [rows.length, 4], data: rows.flat() };
}
