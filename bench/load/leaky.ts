import { pathToFileURL } from "node:url";

/**
 * A server that leaks on purpose, 1 KiB in each millisecond: the control of `bench/soak.ts`, which
 * has to notice. Run as `node leaky.ts serve …` with the server's program in THAW_BENCH_PROGRAM.
 */

const leaked: Buffer[] = [];
const everyMs = 10;
let upToMs = performance.now();

setInterval(() => {
  for (; upToMs < performance.now(); upToMs += 1) leaked.push(Buffer.alloc(1_024, leaked.length));
}, everyMs).unref();

// The server takes its arguments from where it always does.
await import(pathToFileURL(process.env["THAW_BENCH_PROGRAM"] ?? "").href);
