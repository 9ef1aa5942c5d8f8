import { shownUri } from "../domain/redact.ts";
import {
  type PullOptions,
  type Snapshot,
  type Storage,
  StorageError,
  type StoredSource,
} from "../domain/storage.ts";
import { isArchive } from "./archive-entry.ts";
import { fetchLocal, readLocalText, resolveLocal } from "./local.ts";
import type { StorageOptions } from "./options.ts";
import { wantedFiles } from "./patterns.ts";
import type { PulledSources } from "./pulled.ts";
import { storageErrorOf } from "./retry.ts";
import { parseUri } from "./uri.ts";

/** Local sources are served in place; what pulls the others is imported when there is one. */
export class Sources implements Storage {
  readonly #options: StorageOptions;
  #pulled: Promise<PulledSources> | undefined;
  #pulledBytes = 0;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  resolve(uri: string, options: PullOptions = {}): Promise<StoredSource> {
    return explained(uri, async () => {
      const parsed = parseUri(uri);
      if (parsed.scheme === "file" || parsed.scheme === "pvc") {
        const source = await resolveLocal(parsed, this.#options.env);
        const [file] = source.files;
        if (source.kind === "folder") {
          const wanted = wantedFiles(this.#options.env);
          return { ...source, files: source.files.filter(({ path }) => wanted(path)) };
        }
        if (file === undefined || !isArchive(file.path)) return source;
      }
      return (await this.#pulling()).resolve(parsed, shownUri(uri), options);
    });
  }

  readText(
    source: StoredSource,
    path: string,
    bytesMax: number,
    options: PullOptions = {},
  ): Promise<string> {
    return explained(source.shown, async () => {
      if (source.localRoot !== undefined) return readLocalText(source, path, bytesMax);
      return (await this.#pulling()).readText(source, path, { ...options, bytesMax });
    });
  }

  fetch(
    source: StoredSource,
    paths: readonly string[],
    options: PullOptions = {},
  ): Promise<Snapshot> {
    return explained(source.shown, async () => {
      if (source.localRoot !== undefined) return fetchLocal(source, paths);
      return (await this.#pulling()).fetch(source, paths, options);
    });
  }

  /** Bytes that came from remote stores so far. */
  get pulledBytes(): number {
    return this.#pulledBytes;
  }

  /** Gives up leases and connections. */
  async close(): Promise<void> {
    await (await this.#pulled)?.close();
  }

  #pulling(): Promise<PulledSources> {
    this.#pulled ??= import("./pulled.ts").then(
      (module) =>
        new module.PulledSources(this.#options, (bytes) => {
          this.#pulledBytes += bytes;
        }),
    );
    return this.#pulled;
  }
}

/** Runs a task; what it throws names the source. */
async function explained<T>(uri: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (thrown) {
    const { kind, message, cause, retryAfterMs } = storageErrorOf(thrown);
    if (kind === "bad-uri" || kind === "unsupported-scheme" || kind === "cancelled") throw thrown;
    throw new StorageError(kind, `source '${shownUri(uri)}' cannot be read: ${message}`, {
      cause,
      retryAfterMs,
    });
  }
}
