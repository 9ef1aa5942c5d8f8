import { Sources } from "../../src/storage/storage.ts";

/**
 * A process that pulls one URI: `node puller.ts URI CACHE_FOLDER`. Writes as JSON how long it took,
 * and how far its resident memory rose above what it was before.
 */

const [uri = "", cacheFolder = ""] = process.argv.slice(2);
const log = { write: () => undefined };
const options = { env: {}, cacheFolder, cacheBytesMax: 2 ** 40, offline: false, log };
const sources = new Sources(options);
await import("../../src/storage/pulled.ts");
await import("../../src/storage/http.ts");
const idle = process.memoryUsage.rss();
const startMs = performance.now();
const source = await sources.resolve(uri);
const snapshot = await sources.fetch(
  source,
  source.files.map(({ path }) => path),
);
const ms = performance.now() - startMs;
await snapshot.release();
await sources.close();
const riseMiB = process.resourceUsage().maxRSS / 1_024 - idle / 2 ** 20;
console.log(JSON.stringify({ ms, riseMiB }));
