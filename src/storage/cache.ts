import { createHash } from "node:crypto";
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "../domain/storage.ts";
import { Owner } from "./owner.ts";
import { cancelled } from "./retry.ts";

/**
 * Folders of files on disk by a key that says all of their content. An entry is published by one
 * rename, when it is whole; so whatever ends a process, no one ever sees a part. Several processes
 * may share a cache. When it is full, entries that nobody has leased go, least recently used first.
 */

export interface CacheEntry {
  /** Holds the entry's files; not to be written to. */
  readonly folder: string;
  release(): Promise<void>;
}

export interface CacheOptions {
  readonly folder: string;
  readonly bytesMax: number;
}

interface Manifest {
  readonly files: Readonly<Record<string, number>>;
}

const manifestName = "manifest.json";
const filesName = "files";

function rootOf(folder: string): string {
  return join(folder, "v1");
}

/** Where the processes that share a cache have folders of their own. */
export function ownersFolder(folder: string): string {
  return join(rootOf(folder), "owners");
}

/** A key of the parts that decide an entry's content. */
export function cacheKey(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

export class Cache {
  readonly #entries: string;
  readonly #notes: string;
  readonly #owner: Owner;
  readonly #bytesMax: number;
  readonly #filling = new Map<string, Promise<void>>();
  #made: Promise<void> | undefined;

  constructor({ folder, bytesMax }: CacheOptions) {
    const root = rootOf(folder);
    this.#entries = join(root, "entries");
    this.#notes = join(root, "notes");
    this.#owner = new Owner(ownersFolder(folder));
    this.#bytesMax = bytesMax;
  }

  /** The entry, held until it is released; undefined if there is none that is whole. */
  async lease(key: string): Promise<CacheEntry | undefined> {
    await this.#ready();
    const unclaim = await this.#owner.claim(leaseName(key));
    // An eviction claims first and looks for leases second; a lease the other way round. So one of
    // the two always sees the other.
    const entry = join(this.#entries, key);
    if (!(await this.#owner.claimed(evictionName(key))) && (await isWhole(entry))) {
      await touch(entry);
      return { folder: join(entry, filesName), release: unclaim };
    }
    await unclaim();
    return undefined;
  }

  /**
   * The entry; if there is none, `write` puts its files into the folder that it is given. Calls for
   * one key share one `write`, and reject together when it fails. `bytes`: what it will take, 0 if
   * nobody knows. `signal` ends the waiting for another's write. Throws `no-space`, `cancelled`.
   */
  async fill(
    key: string,
    bytes: number,
    write: (folder: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<CacheEntry> {
    // A third try: an eviction may come between being written and being leased.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const entry = await this.lease(key);
      if (entry !== undefined) return entry;
      const other = this.#filling.get(key);
      if (other !== undefined) {
        // Who gives up a write gives it up for itself: those who wait begin again.
        if (await isGivenUp(other, signal)) attempt -= 1;
        continue;
      }
      const filling = this.#publish(key, bytes, write).finally(() => this.#filling.delete(key));
      this.#filling.set(key, filling);
      await filling;
      const made = await this.lease(key);
      if (made === undefined) continue;
      // Now that it is held, others go if it was larger than was said.
      await this.#makeRoom(0);
      return made;
    }
    throw new StorageError(
      "no-space",
      "the cache lost an entry as soon as it had it; make it larger",
    );
  }

  /** A new folder of this process's own, which goes when it is released or the process ends. */
  async scratch(): Promise<CacheEntry> {
    await this.#ready();
    const folder = await this.#owner.scratch();
    return { folder, release: () => rm(folder, { recursive: true, force: true }) };
  }

  /** Takes an entry out, unless somebody has leased it. Returns whether it is gone. */
  async drop(key: string): Promise<boolean> {
    await this.#ready();
    const unclaim = await this.#owner.claim(evictionName(key));
    try {
      if (await this.#owner.claimed(leaseName(key))) return false;
      const bin = await this.#owner.scratch();
      await rename(join(this.#entries, key), join(bin, "entry")).catch(ignoreMissing);
      await rm(bin, { recursive: true, force: true });
      return true;
    } finally {
      await unclaim();
    }
  }

  /** Remembers a small value, as JSON. */
  async note(key: string, value: unknown): Promise<void> {
    await this.#ready();
    const folder = await this.#owner.scratch();
    await writeFile(join(folder, key), JSON.stringify(value), { flush: true });
    await rename(join(folder, key), join(this.#notes, key));
    await rm(folder, { recursive: true, force: true });
  }

  async noted(key: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.#notes, key), "utf8"));
    } catch {
      return undefined;
    }
  }

  /** Gives up the leases and whatever is not finished. */
  close(): Promise<void> {
    return this.#owner.close();
  }

  #ready(): Promise<void> {
    this.#made ??= this.#make();
    return this.#made;
  }

  async #make(): Promise<void> {
    try {
      await mkdir(this.#entries, { recursive: true, mode: 0o700 });
      await mkdir(this.#notes, { recursive: true, mode: 0o700 });
      await this.#owner.ready();
    } catch (cause) {
      this.#made = undefined;
      const what = "the cache's folder cannot be written; give another with --cache-dir";
      throw new StorageError("no-space", what, { cause });
    }
  }

  async #publish(
    key: string,
    bytes: number,
    write: (folder: string) => Promise<void>,
  ): Promise<void> {
    await this.#makeRoom(bytes);
    const folder = await this.#owner.scratch();
    try {
      const files = join(folder, filesName);
      await mkdir(files, { mode: 0o700 });
      await write(files);
      const manifest: Manifest = { files: await sizes(files) };
      await writeFile(join(folder, manifestName), JSON.stringify(manifest), { flush: true });
      await syncFolder(folder);
      await this.#move(folder, key);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Where another process was faster, its entry is as good; one that is not whole is replaced. */
  async #move(folder: string, key: string): Promise<void> {
    const entry = join(this.#entries, key);
    try {
      await rename(folder, entry);
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (await isWhole(entry)) return;
      await this.drop(key);
      await rename(folder, entry);
    }
    await syncFolder(this.#entries);
  }

  /** Evicts until `bytes` more fit, or nothing more can go. Throws `no-space`. */
  async #makeRoom(bytes: number): Promise<void> {
    const entries = await this.#used();
    let total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of entries.sort((a, b) => a.usedMs - b.usedMs)) {
      const fits = total + bytes <= this.#bytesMax && (await this.#diskHas(bytes));
      if (fits) return;
      if (await this.drop(entry.key)) total -= entry.bytes;
    }
    if (await this.#diskHas(bytes)) return;
    throw new StorageError("no-space", `the cache's disk has no room for ${bytes} bytes more`);
  }

  async #diskHas(bytes: number): Promise<boolean> {
    if (bytes === 0) return true;
    const { bavail, bsize } = await statfs(this.#entries);
    return bavail * bsize >= bytes * 1.05;
  }

  async #used(): Promise<{ key: string; bytes: number; usedMs: number }[]> {
    const found = [];
    for (const key of await readdir(this.#entries)) {
      const entry = join(this.#entries, key);
      const manifest = await readManifest(entry);
      const sums = Object.values(manifest?.files ?? {});
      const used = await stat(join(entry, manifestName)).catch(() => undefined);
      const bytes = sums.reduce((sum, size) => sum + size, 0);
      found.push({ key, bytes, usedMs: used?.mtimeMs ?? 0 });
    }
    return found;
  }
}

/** Waits for a write; true if it was cancelled, rejects if it failed otherwise. */
async function isGivenUp(filling: Promise<void>, signal?: AbortSignal): Promise<boolean> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = () => void resolve();
    signal?.addEventListener("abort", stop, { once: true });
  });
  try {
    await Promise.race([filling, aborted]);
    if (signal?.aborted === true) throw cancelled();
    return false;
  } catch (error) {
    const given = error instanceof StorageError && error.kind === "cancelled";
    if (!given || signal?.aborted === true) throw error;
    return true;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function leaseName(key: string): string {
  return `lease-${key}`;
}

function evictionName(key: string): string {
  return `evict-${key}`;
}

async function readManifest(entry: string): Promise<Manifest | undefined> {
  try {
    // What is written there is `publish`'s; anything else fails the check of sizes.
    return JSON.parse(await readFile(join(entry, manifestName), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

async function isWhole(entry: string): Promise<boolean> {
  const manifest = await readManifest(entry);
  if (manifest === undefined) return false;
  for (const [path, bytes] of Object.entries(manifest.files)) {
    const found = await stat(join(entry, filesName, path)).catch(() => undefined);
    if (found?.size !== bytes) return false;
  }
  return true;
}

async function sizes(folder: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length + 1)] = (await stat(path)).size;
  }
  return found;
}

async function touch(entry: string): Promise<void> {
  const now = new Date();
  await utimes(join(entry, manifestName), now, now).catch(() => undefined);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isTaken(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && ["ENOTEMPTY", "EEXIST"].includes(`${error.code}`)
  );
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}
