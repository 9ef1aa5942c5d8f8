import type { Readable } from "node:stream";
import { type Entry, open, type ZipFile } from "yauzl";
import { StorageError } from "../domain/storage.ts";
import { clip } from "../domain/text.ts";
import type { TakeEntry } from "./archive-entry.ts";

/** Reads a zip archive, an entry at a time; links refuse all of it. */
export async function readZip(place: string, take: TakeEntry): Promise<void> {
  const zip = await opened(place);
  try {
    for (let entry = await next(zip); entry !== undefined; entry = await next(zip)) {
      if (entry.fileName.endsWith("/")) continue;
      refuseSpecial(entry);
      await take(entry.fileName, await body(zip, entry));
    }
  } finally {
    zip.close();
  }
}

const kindMask = 0o170000;
const regular = 0o100000;

/** Unix kinds of files are in the high half of the external attributes (APPNOTE 4.4.15). */
function refuseSpecial({ externalFileAttributes, fileName, generalPurposeBitFlag }: Entry): void {
  const kind = (externalFileAttributes >>> 16) & kindMask;
  if (kind !== 0 && kind !== regular) {
    throw new StorageError("unsafe-path", `'${clip(fileName)}' in the archive is no regular file`);
  }
  if ((generalPurposeBitFlag & 1) !== 0) {
    throw new StorageError("corrupt", `'${clip(fileName)}' in the archive is encrypted`);
  }
}

function opened(place: string): Promise<ZipFile> {
  const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true } as const;
  return new Promise((resolve, reject) => {
    open(place, options, (error, zip) => (zip === undefined ? reject(error) : resolve(zip)));
  });
}

function next(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const done = () => {
      zip.off("entry", onEntry);
      zip.off("end", onEnd);
      zip.off("error", onError);
    };
    const onEntry = (entry: Entry) => {
      done();
      resolve(entry);
    };
    const onEnd = () => {
      done();
      resolve(undefined);
    };
    const onError = (error: unknown) => {
      done();
      reject(nameError(error));
    };
    zip.on("entry", onEntry).on("end", onEnd).on("error", onError);
    zip.readEntry();
  });
}

/** The parser judges names too, before they are seen here. */
function nameError(error: unknown): unknown {
  const message = error instanceof Error ? error.message : "";
  if (!/^(invalid relative path|absolute path|invalid characters)/.test(message)) return error;
  return new StorageError("unsafe-path", `a name in the archive is refused: ${clip(message)}`);
}

function body(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) =>
      stream === undefined ? reject(error) : resolve(stream),
    );
  });
}
