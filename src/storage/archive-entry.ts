import type { Readable } from "node:stream";

/** What is unpacked, by its name: the type that a server gives is often wrong. */
const suffixes = [".tar", ".tar.gz", ".tgz", ".zip"];

export function isArchive(name: string): boolean {
  const lower = name.toLowerCase();
  return suffixes.some((suffix) => lower.endsWith(suffix));
}

/** What a parser calls for each regular file; it must have read the body when this resolves. */
export type TakeEntry = (name: string, body: Readable) => Promise<void>;
