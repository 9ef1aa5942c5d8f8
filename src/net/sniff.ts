import type { Socket } from "node:net";

/** RFC 9113, section 3.4: what a client of HTTP/2 sends first. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export type HttpVersion = "http1" | "http2";

/** What the first bytes of a connection speak; `undefined` while they leave it open. */
export function versionOf(bytes: Buffer): HttpVersion | undefined {
  const length = Math.min(bytes.length, preface.length);
  if (preface.compare(bytes, 0, length, 0, length) !== 0) return "http1";
  return length === preface.length ? "http2" : undefined;
}

/**
 * Waits for enough bytes to know what a socket speaks, puts them back, and says so. Reads only on
 * `readable`: a socket that was read with a `data` listener is in flowing mode, and an HTTP/2
 * server that gets it then loses the preface (seen on Node 24.21).
 */
export function sniff(socket: Socket, decided: (version: HttpVersion) => void): void {
  const pieces: Buffer[] = [];
  const look = () => {
    for (;;) {
      const piece: unknown = socket.read();
      if (!Buffer.isBuffer(piece)) return;
      pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      const version = versionOf(bytes);
      if (version === undefined) continue;
      socket.off("readable", look);
      socket.unshift(bytes);
      decided(version);
      return;
    }
  };
  socket.on("readable", look);
}
