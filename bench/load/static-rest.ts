import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";

/**
 * The same stack as thaw's REST with nothing behind it: reads a body, answers with the text in its
 * arguments. Run by `bench/hot.ts`.
 */

const [answer = "{}"] = process.argv.slice(2);
const app = new Hono<{ Bindings: HttpBindings }>({ strict: true });

app.post("/v2/models/:model/infer", async (context) => {
  const { incoming } = context.env;
  await new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => resolve(Buffer.concat(pieces)));
    incoming.on("error", reject);
  });
  return context.body(answer, 200, { "content-type": "application/json" });
});

// As in thaw: the light Request and Response of node-server.
const listener = getRequestListener(app.fetch, { overrideGlobalObjects: true });
const server = createServer({ noDelay: true, keepAliveTimeout: 65_000 }, listener);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ event: "serving", ports: [port] })}\n`);
});
process.once("SIGTERM", () => process.exit());
