import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { archiveRatioMax, MiB, sourceBytesMax, sourceFilesMax } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import type { TakeEntry } from "./archive-entry.ts";
import { below, NameSet, relativePath } from "./contain.ts";
import type { RemoteFile, RemoteListing } from "./remote.ts";

/** Archives → a folder of regular files. The parsers never touch the disk; all writing is here. */

export interface Unpacking {
  readonly place: string;
  /** The archive's name, which says its format. */
  readonly name: string;
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

/** Throws `corrupt`, `unsafe-path`, `too-large` or `too-many-files`. */
export async function unpack({ place, name, folder, signal }: Unpacking): Promise<void> {
  const { size } = await stat(place);
  const budget = new Budget(size);
  const names = new NameSet();
  const take: TakeEntry = async (entry, body) => {
    const path = relativePath(entry.replace(/^(\.\/)+/, ""));
    budget.file();
    names.add(path);
    await write(budget.counted(body), below(folder, path), signal);
  };
  try {
    if (name.toLowerCase().endsWith(".zip")) {
      await (await import("./zip.ts")).readZip(place, take);
    } else {
      const gzip = /gz$/i.test(name);
      await (await import("./tar.ts")).readTar(createReadStream(place), gzip, take);
    }
  } catch (thrown) {
    throw archiveError(thrown);
  }
}

function archiveError(thrown: unknown): unknown {
  if (thrown instanceof StorageError) return thrown;
  const system = thrown instanceof Error && "syscall" in thrown;
  if (system || !(thrown instanceof Error) || thrown.name === "AbortError") return thrown;
  return new StorageError("corrupt", "the archive cannot be unpacked", { cause: thrown });
}

/** Bounds on what comes out: files, bytes, and bytes for each that went in. */
class Budget {
  readonly #bytesMax: number;
  #bytes = 0;
  #files = 0;

  constructor(archiveBytes: number) {
    this.#bytesMax = Math.min(sourceBytesMax, MiB + archiveBytes * archiveRatioMax);
  }

  file(): void {
    this.#files += 1;
    if (this.#files <= sourceFilesMax) return;
    throw new StorageError("too-many-files", `the archive has more than ${sourceFilesMax} files`);
  }

  async *counted(body: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#bytesMax) {
        throw new StorageError("too-large", `the archive unpacks to over ${this.#bytesMax} bytes`);
      }
      yield chunk;
    }
  }
}

async function write(
  body: AsyncIterable<Buffer>,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const output = createWriteStream(target, { flags: "wx", mode: 0o600, flush: true });
  await pipeline(body, output, signal === undefined ? {} : { signal });
}

/** The files of an unpacked archive, with keys that say where they are. */
export async function unpackedListing(folder: string, key: string): Promise<RemoteListing> {
  const files: RemoteFile[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const place = join(entry.parentPath, entry.name);
    const path = relativePath(place.slice(folder.length + 1));
    files.push({ path, key: `unpacked:${key}`, bytes: (await stat(place)).size, version: key });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { kind: "folder", files, immutable: false };
}
