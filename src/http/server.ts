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
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const http1 = createServer(
    { maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveMs, noDelay: true },
    listener,
  );
  http1.maxHeadersCount = headerCountMax;
  return { http1, listener };
}
