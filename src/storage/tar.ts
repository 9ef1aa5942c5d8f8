import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { StorageError } from "../domain/storage.ts";
import { clip } from "../domain/text.ts";
import type { TakeEntry } from "./archive-entry.ts";

/** Reads a tar archive; anything but files and folders refuses all of it. */
export async function readTar(input: Readable, gzip: boolean, take: TakeEntry): Promise<void> {
  const parser = extract();
  const feeding = gzip ? pipeline(input, createGunzip(), parser) : pipeline(input, parser);
  // Its failure also ends the loop below, which then is what reports it.
  feeding.catch(() => undefined);
  for await (const entry of parser) {
    const { name, type } = entry.header;
    if (type === "file" || type === "contiguous-file") await take(name, Readable.from(entry));
    else if (type === "directory") entry.resume();
    else {
      throw new StorageError("unsafe-path", `'${clip(name)}' in the archive is a ${type}, no file`);
    }
  }
  await feeding;
}
