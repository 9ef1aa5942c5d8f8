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
    errorHandler: (error) => unservable(error),
  });
  const http1 = createServer(
    { maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveMs, noDelay: true },
    listener,
  );
  http1.maxHeadersCount = headerCountMax;
  return { http1, listener };
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
