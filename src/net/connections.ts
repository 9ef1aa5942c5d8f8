import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpVersion } from "./sniff.ts";

export interface ConnectionLimits {
  readonly prefaceMsMax: number;
  readonly headersMsMax: number;
  /** Until a reader that takes nothing of its answer is let go. */
  readonly stalledReaderMsMax: number;
  readonly checkMs: number;
}

interface Connection {
  version: HttpVersion | undefined;
  /** HTTP/1.1 requests without a complete answer. */
  requests: number;
  /** What had been read when the last request was complete. */
  bytesAtRest: number;
  /** Since when something is awaited: the first bytes, or the rest of some headers. */
  waitingSinceMs: number | undefined;
  /** How much of its answers the client had taken, and when that last grew. */
  bytesTaken: number;
  takenAtMs: number;
}

const timeoutAnswer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

function mayBring(socket: Socket, { waitingSinceMs, bytesAtRest }: Connection): boolean {
  return waitingSinceMs !== undefined || socket.bytesRead > bytesAtRest;
}

/** Every open connection, and the one timer that ends those that keep the server waiting. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #open = new Map<Socket, Connection>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  add(socket: Socket): void {
    const waitingSinceMs = performance.now();
    this.#open.set(socket, {
      version: undefined,
      requests: 0,
      bytesAtRest: 0,
      waitingSinceMs,
      bytesTaken: 0,
      takenAtMs: waitingSinceMs,
    });
    socket.once("close", () => this.#open.delete(socket));
    this.#timer ??= setInterval(() => this.#check(), this.#limits.checkMs).unref();
  }

  speaks(socket: Socket, version: HttpVersion): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.version = version;
    if (version === "http2") connection.waitingSinceMs = undefined;
  }

  /** The headers of an HTTP/1.1 request are complete; `reply` tells when its answer is. */
  request(socket: Socket, reply: ServerResponse): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.requests += 1;
    connection.waitingSinceMs = undefined;
    reply.once("close", () => {
      connection.requests -= 1;
      connection.bytesAtRest = socket.bytesRead;
    });
  }

  /** The client sends no more; before it has said anything, that is the end. */
  ended(socket: Socket): void {
    if (this.#open.get(socket)?.version === undefined) socket.destroy();
  }

  /** Whether a request may be on its way: some connection is new, or has brought a part of one. */
  get arriving(): boolean {
    return this.#idle().some(([socket, connection]) => mayBring(socket, connection));
  }

  /** Ends what has no request under way, at once or unless one may be on its way. */
  closeIdle(which: "all" | "at rest"): void {
    for (const [socket, connection] of this.#idle()) {
      if (which === "all" || !mayBring(socket, connection)) socket.destroySoon();
    }
  }

  /** HTTP/2 sessions are ended by their own server. */
  #idle(): (readonly [Socket, Connection])[] {
    return [...this.#open].filter(
      ([, { version, requests }]) => version !== "http2" && requests === 0,
    );
  }

  /** Ends the HTTP/1.1 connection that has brought the most for the request under way. */
  shed(): void {
    let largest: Socket | undefined;
    let bytes = 0;
    for (const [socket, connection] of this.#open) {
      const brought = socket.bytesRead - connection.bytesAtRest;
      if (connection.version !== "http1" || connection.requests === 0 || brought <= bytes) continue;
      largest = socket;
      bytes = brought;
    }
    largest?.destroy();
  }

  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const now = performance.now();
    for (const [socket, connection] of this.#open) {
      if (this.#stalled(socket, connection, now)) {
        socket.destroy();
        continue;
      }
      const { version, requests, bytesAtRest } = connection;
      if (version === "http2" || requests > 0) continue;
      if (socket.bytesRead > bytesAtRest) connection.waitingSinceMs ??= now;
      if (connection.waitingSinceMs === undefined) continue;
      const waitedMs = now - connection.waitingSinceMs;
      const { prefaceMsMax, headersMsMax } = this.#limits;
      if (waitedMs < (version === undefined ? prefaceMsMax : headersMsMax)) continue;
      if (version === "http1" && socket.writable) socket.write(timeoutAnswer);
      socket.destroySoon();
    }
    if (this.#open.size === 0) this.stop();
  }

  /** Bytes are ready for the client, and it has long taken none. */
  #stalled(socket: Socket, connection: Connection, now: number): boolean {
    const taken = socket.bytesWritten - socket.writableLength;
    if (socket.writableLength === 0 || taken !== connection.bytesTaken) {
      connection.bytesTaken = taken;
      connection.takenAtMs = now;
      return false;
    }
    return now - connection.takenAtMs >= this.#limits.stalledReaderMsMax;
  }
}
