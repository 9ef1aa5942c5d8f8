import type { Readable } from "node:stream";
import type { Checksum } from "./checksum.ts";
import type { RelativePath } from "./contain.ts";

/** A file of a store, as its listing says it. */
export interface RemoteFile {
  readonly path: RelativePath;
  /** What the store calls it. */
  readonly key: string;
  /** undefined: the store does not say it, and sends the file in chunks that say their end. */
  readonly bytes: number | undefined;
  readonly version: string;
  readonly checksum?: Checksum | undefined;
}

export interface RemoteListing {
  readonly kind: "file" | "folder";
  readonly files: readonly RemoteFile[];
  readonly immutable: boolean;
  /** Something that the operator should know of. */
  readonly warning?: string | undefined;
}

/** Bytes `start` to `end`, `end` not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The body of a file or of a part of it, and what the store says of it. */
export interface Opened {
  readonly body: Readable;
  /** The range that it says it sends, and of how many bytes in all; undefined: the whole file. */
  readonly range: (ByteRange & { readonly total: number }) | undefined;
  readonly bytes: number | undefined;
  readonly encoding: string | undefined;
  /** Of the whole file. */
  readonly checksum: Checksum | undefined;
}

/** A place in a store: what a scheme has to do. Retries, parts and checks are above it. */
export interface Remote {
  /** The same for the same place, without credentials. */
  readonly identity: string;
  list(signal: AbortSignal): Promise<RemoteListing>;
  /** Of the version that was listed, else `changed`. */
  open(file: RemoteFile, range: ByteRange | undefined, signal: AbortSignal): Promise<Opened>;
  /** Of a large file that is read in parts, where the store has one and the listing does not. */
  checksum?(file: RemoteFile, signal: AbortSignal): Promise<Checksum | undefined>;
  close(): void;
}
