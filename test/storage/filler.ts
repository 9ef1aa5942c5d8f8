import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Cache, cacheKey } from "../../src/storage/cache.ts";

/** A process that fills a cache until it is killed. */
const [folder = ""] = process.argv.slice(2);
const cache = new Cache({ folder, bytesMax: 5_000_000 });
for (let round = 0; ; round += 1) {
  const key = cacheKey("filler", String(process.pid), String(round));
  const entry = await cache.fill(key, 0, async (to) => {
    const text = key.repeat(2_000);
    await writeFile(join(to, "content"), text.slice(0, 64_000));
    await writeFile(join(to, "content"), text);
  });
  await entry.release();
}
