import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Cache, cacheKey } from "../../src/storage/cache.ts";

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "thaw-cache-"));
}

function writing(text: string) {
  return (to: string) => writeFile(join(to, "content"), text);
}

async function keysIn(root: string): Promise<string[]> {
  return (await readdir(join(root, "v1", "entries"))).sort();
}

const keys = ["a", "b", "c", "d"].map((name) => cacheKey(name));
const [a = "", b = "", c = "", d = ""] = keys;

describe("the cache", () => {
  it("writes an entry once, however many ask", async () => {
    const cache = new Cache({ folder: await folder(), bytesMax: 1_000 });
    let writes = 0;
    const write = async (to: string) => {
      writes += 1;
      await wait(5);
      await writing("x")(to);
    };
    const entries = await Promise.all(keys.concat(keys).map(() => cache.fill(a, 1, write)));
    expect(writes).toBe(1);
    expect(await readFile(join(entries[0]?.folder ?? "", "content"), "utf8")).toBe("x");
    await cache.close();
  });

  it("keeps nothing of a write that fails", async () => {
    const root = await folder();
    const cache = new Cache({ folder: root, bytesMax: 1_000 });
    const write = async (to: string) => {
      await writing("half")(to);
      throw new Error("no more");
    };
    await expect(cache.fill(a, 1, write)).rejects.toThrow("no more");
    expect(await keysIn(root)).toEqual([]);
    expect(await cache.lease(a)).toBeUndefined();
    await cache.close();
    expect(await readdir(join(root, "v1", "owners"))).toEqual([]);
  });

  it("lets the least recently used go, and never a leased one, of any process", async () => {
    const root = await folder();
    const cache = new Cache({ folder: root, bytesMax: 25 });
    const other = new Cache({ folder: root, bytesMax: 25 });
    const held = await cache.fill(a, 10, writing("0123456789"));
    await (await cache.fill(b, 10, writing("0123456789"))).release();
    await (await other.fill(c, 10, writing("0123456789"))).release();
    expect(await keysIn(root)).toEqual([a, c].sort());
    await (await other.fill(d, 10, writing("0123456789"))).release();
    expect(await keysIn(root)).toEqual([a, d].sort());
    await held.release();
    await (await other.fill(b, 20, writing("01234567890123456789"))).release();
    expect(await keysIn(root)).toEqual([b]);
    await cache.close();
    await other.close();
  });

  it("holds exactly its size, and not a byte more", async () => {
    const root = await folder();
    const cache = new Cache({ folder: root, bytesMax: 20 });
    await (await cache.fill(a, 10, writing("0123456789"))).release();
    await (await cache.fill(b, 10, writing("0123456789"))).release();
    expect(await keysIn(root)).toEqual([a, b].sort());
    await (await cache.fill(c, 1, writing("0"))).release();
    expect(await keysIn(root)).toEqual([b, c].sort());
    await cache.close();
  });

  it("serves what is larger than itself, while it is held", async () => {
    const root = await folder();
    const cache = new Cache({ folder: root, bytesMax: 5 });
    let writes = 0;
    const entry = await cache.fill(a, 10, async (to) => {
      writes += 1;
      await writing("0123456789")(to);
    });
    expect(await keysIn(root)).toEqual([a]);
    await entry.release();
    await (await cache.fill(b, 1, writing("0"))).release();
    expect(await keysIn(root)).toEqual([b]);
    expect(writes).toBe(1);
    await cache.close();
  });

  it("replaces an entry whose files are not as its manifest says", async () => {
    const root = await folder();
    const cache = new Cache({ folder: root, bytesMax: 1_000 });
    const entry = await cache.fill(a, 1, writing("right"));
    await entry.release();
    await writeFile(join(entry.folder, "content"), "wr");
    expect(await cache.lease(a)).toBeUndefined();
    const again = await cache.fill(a, 1, writing("right"));
    expect(await readFile(join(again.folder, "content"), "utf8")).toBe("right");
    await cache.close();
  });

  it("survives kill -9 at any moment", async () => {
    const root = await folder();
    for (let round = 0; round < Number(process.env["THAW_KILLS"] ?? 8); round += 1) {
      const child = fork(join(import.meta.dirname, "filler.ts"), [root], { stdio: "ignore" });
      await wait(120 + Math.random() * 120);
      child.kill("SIGKILL");
      await ended(child);
      const cache = new Cache({ folder: root, bytesMax: 10_000_000 });
      for (const key of await keysIn(root).catch(() => [])) {
        const entry = await cache.lease(key);
        if (entry === undefined) continue;
        const text = await readFile(join(entry.folder, "content"), "utf8");
        expect(text).toBe(key.repeat(2_000));
      }
      await cache.fill(a, 1, writing(a.repeat(2_000)));
      expect(await readdir(join(root, "v1", "owners"))).toHaveLength(1);
      await cache.close();
    }
    await rm(root, { recursive: true });
  });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once("exit", resolve));
}
