import { copyFile, link, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  pullBytesPerMsMin,
  pullMsBase,
  pullRestartsMax,
  pullSlowMsMax,
  sourceBytesMax,
  sourceFilesMax,
} from "../domain/limits.ts";
import {
  type PullOptions,
  type Snapshot,
  StorageError,
  type StoredSource,
} from "../domain/storage.ts";
import { isArchive } from "./archive-entry.ts";
import { Cache, type CacheEntry, cacheKey } from "./cache.ts";
import { below, NameSet, type RelativePath, relativePath } from "./contain.ts";
import type { StorageOptions } from "./options.ts";
import { wantedFiles } from "./patterns.ts";
import { ProgressMeter } from "./progress.ts";
import { Gate, type PullContext, pullFile } from "./pull.ts";
import type { Remote, RemoteFile, RemoteListing } from "./remote.ts";
import { openRemote } from "./remotes.ts";
import { Retries, realPace, storageErrorOf } from "./retry.ts";
import { Speed } from "./speed.ts";
import type { ModelUri } from "./uri.ts";

/** Sources that are pulled: listed, chosen files into the cache, and served from there. */

interface Resolution {
  readonly uri: ModelUri;
  readonly listing: RemoteListing;
}

/** The name of a file's content in its cache entry. */
const contentName = relativePath("content");

export class PulledSources {
  readonly #options: StorageOptions;
  readonly #cache: Cache;
  readonly #gate = new Gate();
  readonly #ending = new AbortController();
  readonly #onBytes: (bytes: number) => void;
  readonly #resolved = new WeakMap<StoredSource, Resolution>();

  /** `onBytes` is told what has come. */
  constructor(options: StorageOptions, onBytes: (bytes: number) => void = () => {}) {
    this.#options = options;
    this.#onBytes = onBytes;
    this.#cache = new Cache({ folder: options.cacheFolder, bytesMax: options.cacheBytesMax });
  }

  /** Ends what is under way, and gives up the leases. */
  close(): Promise<void> {
    this.#ending.abort();
    return this.#cache.close();
  }

  async resolve(uri: ModelUri, shown: string, options: PullOptions): Promise<StoredSource> {
    const remote = await openRemote(uri, this.#options);
    try {
      const { listing, stale } = await this.#list(remote, shown, options);
      const [file] = listing.files;
      const { identity } = remote;
      const archive = listing.kind === "file" && file !== undefined && isArchive(file.path);
      const held = archive ? await this.#entries(remote, file, options) : listing;
      const wanted = wantedFiles(this.#options.env);
      const counted = held.files.filter(({ path }) => held.kind === "file" || wanted(path));
      const files = counted.map(({ path, bytes, version }) => ({
        path,
        bytes: bytes ?? 0,
        version,
      }));
      const source: StoredSource = {
        shown,
        identity,
        kind: held.kind,
        files,
        immutable: listing.immutable,
        localRoot: undefined,
        stale,
      };
      this.#resolved.set(source, { uri, listing: held });
      return source;
    } finally {
      remote.close();
    }
  }

  async readText(
    source: StoredSource,
    path: string,
    { bytesMax, ...options }: PullOptions & { readonly bytesMax: number },
  ): Promise<string> {
    const file = source.files.find((one) => one.path === path);
    if (file !== undefined && file.bytes > bytesMax) {
      throw new StorageError("too-large", `'${path}' has ${file.bytes} bytes, over ${bytesMax}`);
    }
    const snapshot = await this.fetch(source, [path], options);
    try {
      return await readFile(below(snapshot.folder, relativePath(path)), "utf8");
    } finally {
      await snapshot.release();
    }
  }

  /** When a file is replaced while it is read, all of them are listed and pulled again. */
  async fetch(
    source: StoredSource,
    paths: readonly string[],
    options: PullOptions,
  ): Promise<Snapshot> {
    const resolution = this.#resolved.get(source);
    if (resolution === undefined) throw new Error("a source of another storage. This is a bug.");
    let { listing } = resolution;
    for (let restart = 0; ; restart += 1) {
      const remote = await openRemote(resolution.uri, this.#options);
      try {
        return await this.#snapshot(remote, chosen(listing, paths), options);
      } catch (thrown) {
        const error = storageErrorOf(thrown);
        if (error.kind !== "changed" || restart >= pullRestartsMax) throw error;
        listing = (await this.#list(remote, source.shown, options)).listing;
      } finally {
        remote.close();
      }
    }
  }

  /** The listing: a remembered one where it cannot have changed, or nobody is to be asked. */
  async #list(
    remote: Remote,
    shown: string,
    { signal }: PullOptions,
  ): Promise<{ listing: RemoteListing; stale: boolean }> {
    const key = cacheKey("listing 1", remote.identity);
    const { offline, log } = this.#options;
    const kept = rememberedListing(await this.#cache.noted(key));
    if (kept !== undefined && (kept.immutable || offline)) {
      return { listing: kept, stale: !kept.immutable };
    }
    this.#refuseOffline();
    const wanted = this.#wanted(signal);
    try {
      const listing = await new Retries(this.#options.pace ?? realPace).run(wanted, () =>
        remote.list(wanted),
      );
      refuseUnsafe(listing);
      if (listing.warning !== undefined) log.write("warn", listing.warning, { source: shown });
      await this.#cache.note(key, listing);
      return { listing, stale: false };
    } catch (thrown) {
      const error = storageErrorOf(thrown);
      const away = error.kind === "unavailable" || error.kind === "throttled";
      if (kept === undefined || !away) throw error;
      log.write("warn", "serving the cached copy", { source: shown, reason: error.message });
      return { listing: kept, stale: true };
    }
  }

  #refuseOffline(): void {
    if (!this.#options.offline) return;
    throw new StorageError("unavailable", "it is not in the cache, and --offline is set");
  }

  #wanted(signal: AbortSignal | undefined): AbortSignal {
    const ending = this.#ending.signal;
    return signal === undefined ? ending : AbortSignal.any([signal, ending]);
  }

  /** Pulls an archive and unpacks it; its entries are the source's files. */
  async #entries(remote: Remote, file: RemoteFile, options: PullOptions): Promise<RemoteListing> {
    const { unpackedListing } = await import("./archive.ts");
    const key = unpackedKey(remote, file);
    const entry = await this.#cache.fill(key, 2 * (file.bytes ?? 0), (folder) =>
      this.#unpack(remote, file, { folder, options }),
    );
    try {
      return await unpackedListing(entry.folder, key);
    } finally {
      await entry.release();
    }
  }

  async #unpack(
    remote: Remote,
    file: RemoteFile,
    { folder, options }: { readonly folder: string; readonly options: PullOptions },
  ): Promise<void> {
    this.#refuseOffline();
    const { unpack } = await import("./archive.ts");
    const archive = await this.#cache.scratch();
    try {
      const place = below(archive.folder, contentName);
      await this.#pull(remote, [file], options, (context) => pullFile(context, file, place));
      await unpack({ place, name: file.path, folder, signal: options.signal });
    } finally {
      await archive.release();
    }
  }

  async #snapshot(
    remote: Remote,
    files: readonly RemoteFile[],
    options: PullOptions,
  ): Promise<Snapshot> {
    const held: CacheEntry[] = [];
    const release = async () => {
      await Promise.all(held.map((entry) => entry.release()));
    };
    try {
      const folder = await this.#cache.scratch();
      held.push(folder);
      await this.#pull(remote, files, options, async (context, meter) => {
        const results = await Promise.allSettled(
          largestFirst(files).map(async (file) => {
            held.push(await this.#place(context, file, folder.folder));
            meter.fileDone();
          }),
        );
        const failed = results.find((result) => result.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      });
      return { folder: folder.folder, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** One file into the cache, if it is not there, and from there to its path in the snapshot. */
  async #place(context: PullContext, file: RemoteFile, root: string): Promise<CacheEntry> {
    const target = below(root, file.path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const unpacked = unpackedPlace(file);
    const entry =
      unpacked === undefined
        ? await this.#cache.fill(
            fileKey(context.remote, file),
            file.bytes ?? 0,
            async (folder) => {
              this.#refuseOffline();
              await pullFile(context, file, below(folder, contentName));
            },
            context.signal,
          )
        : await this.#unpackedEntry(unpacked);
    const from = below(entry.folder, unpacked?.path ?? contentName);
    // A second name of the same file costs no room; some file systems have no such thing.
    await link(from, target).catch(() => copyFile(from, target));
    return entry;
  }

  async #unpackedEntry({ key }: { readonly key: string }): Promise<CacheEntry> {
    const entry = await this.#cache.lease(key);
    if (entry !== undefined) return entry;
    throw new StorageError("changed", "the cache has no longer what came out of the archive");
  }

  /** Runs pulls under one budget of retries, one deadline and one count of progress. */
  async #pull<T>(
    remote: Remote,
    files: readonly RemoteFile[],
    { signal, onProgress }: PullOptions,
    task: (context: PullContext, meter: ProgressMeter) => Promise<T>,
  ): Promise<T> {
    const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
    const deadline = AbortSignal.timeout(Math.ceil(pullMsBase + bytes / pullBytesPerMsMin));
    const either = AbortSignal.any([this.#wanted(signal), deadline]);
    const meter = new ProgressMeter({ files: files.length, bytes }, onProgress);
    const context: PullContext = {
      remote,
      retries: new Retries(this.#options.pace ?? realPace),
      gate: this.#gate,
      speed: new Speed(this.#options.slowMsMax ?? pullSlowMsMax),
      signal: either,
      onBytes: (more) => {
        meter.add(more);
        if (more > 0) this.#onBytes(more);
      },
    };
    try {
      const result = await task(context, meter);
      meter.end();
      return result;
    } catch (thrown) {
      if (!deadline.aborted || signal?.aborted === true) throw thrown;
      throw new StorageError("unavailable", "the pull took longer than its size allows");
    }
  }
}

function fileKey(remote: Remote, file: RemoteFile): string {
  return cacheKey("file 1", remote.identity, file.path, file.version, String(file.bytes));
}

function unpackedKey(remote: Remote, file: RemoteFile): string {
  return cacheKey("unpacked 1", remote.identity, file.version, String(file.bytes));
}

/** Files that came out of an archive say so by their key (`archive.ts`). */
function unpackedPlace(file: RemoteFile): { key: string; path: RelativePath } | undefined {
  const key = /^unpacked:([0-9a-f]{64})$/.exec(file.key)?.[1];
  return key === undefined ? undefined : { key, path: file.path };
}

function largestFirst(files: readonly RemoteFile[]): RemoteFile[] {
  return [...files].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
}

function chosen(listing: RemoteListing, paths: readonly string[]): RemoteFile[] {
  const byPath = new Map<string, RemoteFile>(listing.files.map((file) => [file.path, file]));
  const files = [...new Set(paths)].map((path) => {
    const file = byPath.get(path);
    if (file === undefined) throw new StorageError("not-found", `there is no '${path}' in it`);
    return file;
  });
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  if (bytes <= sourceBytesMax) return files;
  throw new StorageError("too-large", `${bytes} bytes, more than ${sourceBytesMax}`);
}

function refuseUnsafe({ files }: RemoteListing): void {
  if (files.length > sourceFilesMax) {
    throw new StorageError("too-many-files", `it has more than ${sourceFilesMax} files`);
  }
  const names = new NameSet();
  for (const { path } of files) names.add(path);
}

/** A listing as `note` kept it; paths are judged again, since disks can be written to by others. */
function rememberedListing(value: unknown): RemoteListing | undefined {
  if (typeof value !== "object" || value === null || !("files" in value)) return undefined;
  // Only `note` writes there, and only listings under this kind of key.
  const listing = value as RemoteListing;
  if (!Array.isArray(listing.files)) return undefined;
  for (const file of listing.files) relativePath(file.path);
  return listing;
}
