/** Where models come from, as the inner layers see it. */

/** Why a source could not be read. `retryLater` says which of them may go away by themselves. */
export const storageKinds = [
  "bad-uri",
  "unsupported-scheme",
  "not-found",
  "unauthorized",
  "forbidden",
  "throttled",
  "unavailable",
  "tls",
  "redirect-refused",
  "address-refused",
  "unsafe-path",
  "too-large",
  "too-many-files",
  "changed",
  "corrupt",
  "no-space",
  "cancelled",
  "internal",
] as const;

export type StorageKind = (typeof storageKinds)[number];

/**
 * The only error that storage throws. The message is for the operator: it names the source without
 * its secrets, what was wrong and what was expected. It is not for clients.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly kind: StorageKind;
  /** How long the store asked to be left alone, where it did. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: StorageKind,
    message: string,
    more: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** Whether the same call may succeed a while later, without anybody changing anything. */
export function mayPass(kind: StorageKind): boolean {
  return ["unavailable", "throttled", "changed", "no-space"].includes(kind);
}

/** A file of a source: its path below the source, with `/`; a lone file has its own name. */
export interface StoredFile {
  readonly path: string;
  /** 0 where the store does not say it. */
  readonly bytes: number;
  /** Changes when the content does: an ETag, a generation, a commit; or size and time. */
  readonly version: string;
}

/** What a URI was found to mean. */
export interface StoredSource {
  /** The URI as it may be shown: without credentials. */
  readonly shown: string;
  /** The same for the same place, whatever credentials it is read with. */
  readonly identity: string;
  readonly kind: "file" | "folder";
  readonly files: readonly StoredFile[];
  /** The URI names this content and no other: it need not be listed again. */
  readonly immutable: boolean;
  /** Where the files lie if they are on this machine and are served in place. */
  readonly localRoot: string | undefined;
  /** The listing is one that was kept, since the store could not be or was not to be asked. */
  readonly stale: boolean;
}

export interface PullProgress {
  readonly files: number;
  readonly filesDone: number;
  readonly bytes: number;
  readonly bytesDone: number;
}

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called at most four times a second, and when all is done. */
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** A folder on disk with exactly the files that were asked for, at their paths, verified. */
export interface Snapshot {
  readonly folder: string;
  /** After this the folder may go away. */
  release(): Promise<void>;
}

/** Every method rejects with StorageError only. */
export interface Storage {
  /** Lists a source: a path or a URI. Archives are pulled for it, and their entries listed. */
  resolve(uri: string, options?: PullOptions): Promise<StoredSource>;
  /** A small file as UTF-8; `too-large` beyond `bytesMax`. */
  readText(
    source: StoredSource,
    path: string,
    bytesMax: number,
    options?: PullOptions,
  ): Promise<string>;
  /** All of `paths`, or nothing. What is in the cache in this version is not read again. */
  fetch(source: StoredSource, paths: readonly string[], options?: PullOptions): Promise<Snapshot>;
}
