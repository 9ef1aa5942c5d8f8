import { createServer, type Server } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { getRequestListener } from "@hono/node-server";
import { headerBytesMax, headerCountMax, keepAliveMs } from "../domain/limits.ts";
import { createApp, type HttpPorts } from "./app.ts";

export interface HttpEdge {
  /** Never listens; to be fed with sockets by `net/`. */
  readonly http1: Server;
  /** The same answers for requests over HTTP/2. */
  readonly listener: (request: Http2ServerRequest, reply: Http2ServerResponse) => void;
}

export function createHttpEdge(ports: HttpPorts): HttpEdge {
  const app = createApp(ports);
  const listener = getRequestListener(app.fetch, {
    // Hono then makes node-server's light responses, which are written without a web stream. In
    // the bundle it gets them without the global object (scripts/bundle/lazy-fetch.ts).
    overrideGlobalObjects: true,
    // For requests without a Host: old probes speak HTTP/1.0.
    hostname: "localhost",
    errorHandler: (error) => unservable(error),
  });
  const http1 = createServer(
    {
      maxHeaderSize: headerBytesMax,
      keepAliveTimeout: keepAliveMs,
      noDelay: true,
      requireHostHeader: false,
    },
    listener,
  );
  http1.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A socket whose answer has begun can only be ended.
    if (socket.writable && !("_httpMessage" in socket && socket._httpMessage)) {
      socket.write(malformed(error.code === "HPE_HEADER_OVERFLOW"));
    }
    socket.destroy();
  });
  http1.maxHeadersCount = headerCountMax;
  return { http1, listener };
}

/** The answer to bytes that are no HTTP, as Node's parser found them. */
function malformed(headersTooLarge: boolean): string {
  const status = headersTooLarge ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const what = headersTooLarge
    ? `the headers have more than ${headerBytesMax} bytes`
    : "this is not a well-formed HTTP request";
  const body = JSON.stringify({ error: what });
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json`;
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** A request that never became one: a Host or target that makes no URL. */
function unservable(error: unknown): Response {
  const known = error instanceof Error && error.name === "RequestError";
  const message = known ? `bad request line or Host header: ${error.message}` : "internal error";
  return new Response(JSON.stringify({ error: message }), {
    status: known ? 400 : 500,
    headers: { "content-type": "application/json" },
  });
}
