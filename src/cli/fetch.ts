import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TiB } from "../domain/limits.ts";
import type { Log } from "../domain/ports.ts";
import { StorageError, type StoredSource } from "../domain/storage.ts";
import { Sources } from "../storage/storage.ts";
import { progressBar } from "../telemetry/progress-bar.ts";
import { ArgumentError } from "./arguments.ts";

export const fetchUsage = "Usage: thaw fetch SRC DST [SRC DST …]";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where lines go that are no reason to fail. */
export interface FetchOutput {
  readonly say: (line: string) => void;
  /** Of a terminal, where there is one. */
  readonly draw: ((text: string) => void) | undefined;
}

/**
 * `thaw fetch`: the job of KServe's storage initializer, with its arguments and its layout: a
 * folder's tree below DST, a file under its own name in it, an archive's entries. What was there is
 * replaced file by file; a failure leaves no part of a file. Throws ArgumentError, StorageError.
 */
export async function fetch(
  argv: readonly string[],
  env: Environment,
  output: FetchOutput,
): Promise<void> {
  if (argv.length === 0 || argv.length % 2 !== 0 || argv.some((word) => word.startsWith("--"))) {
    throw new ArgumentError(`expected pairs of a source and a folder\n${fetchUsage}`);
  }
  for (let at = 0; at < argv.length; at += 2) {
    const [source = "", folder = ""] = argv.slice(at, at + 2);
    await fetchOne(source, resolve(folder), env, output);
  }
}

async function fetchOne(
  uri: string,
  folder: string,
  env: Environment,
  { say, draw }: FetchOutput,
): Promise<void> {
  // On the same file system, so that what is complete only has to be renamed.
  const cacheFolder = join(folder, ".thaw-fetch");
  await mkdir(folder, { recursive: true });
  const log: Log = {
    write: (level, event, fields) => {
      if (level === "warn" || level === "error") say(`${event}: ${JSON.stringify(fields ?? {})}`);
    },
  };
  const sources = new Sources({ env, cacheFolder, cacheBytesMax: TiB, offline: false, log });
  const start = performance.now();
  const onProgress = draw === undefined ? undefined : progressBar(draw);
  try {
    const source = await sources.resolve(uri, { onProgress });
    const paths = source.files.map(({ path }) => path);
    if (paths.length === 0) {
      throw new StorageError("not-found", `source '${source.shown}' has no files`);
    }
    const snapshot = await sources.fetch(source, paths, { onProgress });
    try {
      for (const path of paths) await place(source, snapshot.folder, folder, path);
    } finally {
      await snapshot.release();
    }
    say(summary(source, performance.now() - start));
  } finally {
    await sources.close();
    await rm(cacheFolder, { recursive: true, force: true });
  }
}

/** What was pulled is moved; what lies on this machine stays where it is, and is copied. */
async function place(source: StoredSource, from: string, to: string, path: string): Promise<void> {
  const target = join(to, path);
  await mkdir(dirname(target), { recursive: true });
  const origin = join(from, path);
  if (source.localRoot !== undefined) await copyFile(origin, target);
  else await rename(origin, target);
}

function summary({ shown, files }: StoredSource, ms: number): string {
  const bytes = files.reduce((sum, one) => sum + one.bytes, 0);
  return `${shown}: ${files.length} files, ${bytes} bytes, ${Math.round(ms)} ms`;
}
