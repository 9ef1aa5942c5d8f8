import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { Connections } from "./connections.ts";
import { sniff } from "./sniff.ts";

/**
 * How often a new connection is looked at for its request when the server ends, and the pause
 * between: by count and not by the clock, since this thread may be held up for as long.
 */
const arrivalChecksMax = 50;
const arrivalCheckMs = 5;
/** More than the kernel keeps for us. */
const acceptTurnsMax = 2_048;

export interface PortOptions {
  readonly host: string;
  readonly ports: readonly number[];
  /** Never listens itself; gets the sockets that speak HTTP/1.1. */
  readonly http1: HttpServer;
  /** Makes the server that gets the sockets that speak HTTP/2; it never listens itself. */
  readonly http2: () => Promise<Http2Server>;
  readonly limits: PortLimits;
}

export interface PortLimits {
  readonly connectionsMax: number;
  /** Until a new connection has shown what it speaks. */
  readonly prefaceMsMax: number;
  /** Until the headers of a request are complete, from its first byte. */
  readonly headersMsMax: number;
  /** Until a reader that takes nothing of its answer is let go. */
  readonly stalledReaderMsMax: number;
  readonly checkMs: number;
}

/**
 * One port for HTTP/1.1, HTTP/2 and gRPC: decides for each connection by its first bytes. From the
 * first byte on, the time limits of a connection are kept here, since an `http.Server` that never
 * listens does not check them.
 */
export class Port {
  readonly #options: PortOptions;
  readonly #connections: Connections;
  readonly #servers: Server[] = [];
  #closed: readonly Promise<void>[] = [];
  #accepted = 0;
  #draining = false;
  #accepting = true;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#connections = new Connections(options.limits);
    options.http1.prependListener("request", (request: IncomingMessage, reply: ServerResponse) => {
      if (this.#draining) reply.shouldKeepAlive = false;
      this.#connections.request(request.socket, reply);
    });
  }

  /** Opens every port. Rejects with Node's error where one cannot be had. */
  async open(): Promise<void> {
    for (const port of new Set(this.#options.ports)) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        this.#accept(socket),
      );
      server.maxConnections = this.#options.limits.connectionsMax;
      await listening(server, port, this.#options.host);
      this.#servers.push(server);
    }
  }

  /** The ports that are open. */
  numbers(): number[] {
    return this.#servers.map((server) => {
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : 0;
    });
  }

  /** Whether new connections are taken; those that come meanwhile are dropped. */
  accept(yes: boolean): void {
    this.#accepting = yes;
  }

  /** Ends the HTTP/1.1 connection that has brought the most without an answer to it. */
  shed(): void {
    this.#connections.shed();
  }

  /** From now on every HTTP/1.1 answer closes its connection. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends every connection as it stands. */
  destroy(): void {
    this.#connections.destroy();
  }

  /**
   * Accepts nothing more, and closes connections without a request. Resolves when no request is on
   * its way any more: a connection that was just opened has a moment to bring one.
   */
  async refuse(): Promise<void> {
    await this.#allAccepted();
    this.#closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#connections.closeIdle("at rest");
    for (let check = 0; this.#connections.arriving && check < arrivalChecksMax; check += 1)
      await wait(arrivalCheckMs);
    this.#connections.closeIdle("all");
  }

  /** Resolves when every connection has ended, after `refuse`. */
  async close(): Promise<void> {
    await Promise.all(this.#closed);
    this.#connections.stop();
  }

  /** What the kernel has accepted is ours already; turns go on until one brings nothing more. */
  async #allAccepted(): Promise<void> {
    let before = -1;
    for (let turns = 0; before !== this.#accepted && turns < acceptTurnsMax; turns += 1) {
      before = this.#accepted;
      await turn();
      await turn();
    }
  }

  #accept(socket: Socket): void {
    this.#accepted += 1;
    if (!this.#accepting) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("end", () => this.#connections.ended(socket));
    sniff(socket, (version) => {
      this.#connections.speaks(socket, version);
      if (version === "http1") {
        this.#options.http1.emit("connection", socket);
        return;
      }
      // A half-open socket under HTTP/2 leaks its descriptor.
      socket.allowHalfOpen = false;
      this.#options.http2().then(
        (http2) => http2.emit("connection", socket),
        (error: Error) => socket.destroy(error),
      );
    });
  }
}

async function listening(server: Server, port: number, host: string): Promise<void> {
  try {
    await listen(server, port, host);
  } catch (error) {
    // A machine without IPv6 has no "::".
    if (host !== "::" || codeOf(error) !== "EAFNOSUPPORT") throw error;
    await listen(server, port, "0.0.0.0");
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Without a host Node listens on "::" too, without asking its resolver.
    const address = host === "::" ? {} : { host };
    server.listen({ port, ...address, backlog: 1_024 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
