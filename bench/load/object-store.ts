import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/**
 * A process that serves one object of so many bytes, at every path, with ranges:
 * `node object-store.ts BYTES BYTES_PER_SECOND LATENCY_MS`; a rate of 0 is none. Each connection
 * has the rate for itself. Writes its port to stdout.
 */

const [bytes = 0, rate = 0, latencyMs = 0] = process.argv.slice(2).map(Number);
const block = Buffer.alloc(2 ** 18, "0123456789abcdef");
const tickMs = 10;

async function send(response: ServerResponse, length: number): Promise<void> {
  const start = performance.now();
  for (let sent = 0; sent < length; ) {
    const due = rate === 0 ? length : ((performance.now() - start + tickMs) / 1_000) * rate;
    const size = Math.min(block.length, length - sent, Math.floor(due - sent));
    if (size <= 0) {
      await wait(tickMs);
      continue;
    }
    sent += size;
    if (!response.write(block.subarray(0, size))) {
      await new Promise((resolve) => response.once("drain", resolve));
    }
  }
  response.end();
}

const server = createServer((request, response) => {
  setTimeout(() => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [first, last] = range === null ? [0, bytes - 1] : [Number(range[1]), Number(range[2])];
    response.writeHead(range === null ? 200 : 206, {
      "content-length": String(last - first + 1),
      "content-range": `bytes ${first}-${last}/${bytes}`,
      etag: `"${bytes}"`,
    });
    void send(response, last - first + 1);
  }, latencyMs);
});
server.listen(0, "127.0.0.1", () => {
  // It listens on a port, so its address is one of these.
  console.log((server.address() as AddressInfo).port);
});
