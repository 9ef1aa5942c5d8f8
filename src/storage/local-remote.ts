import { createReadStream } from "node:fs";
import { join } from "node:path";
import { relativePath } from "./contain.ts";
import { resolveLocal } from "./local.ts";
import type { Remote } from "./remote.ts";
import type { ModelUri } from "./uri.ts";

/** A local archive, read as a store would send it. */
export async function localRemote(
  uri: Extract<ModelUri, { scheme: "file" | "pvc" }>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Remote> {
  const { identity, kind, files, localRoot = "" } = await resolveLocal(uri, env);
  return {
    identity,
    list: async () => ({
      kind,
      files: files.map((file) => ({ ...file, path: relativePath(file.path), key: file.path })),
      immutable: false,
    }),
    open: async (file, range) => ({
      body: createReadStream(
        join(localRoot, file.path),
        range === undefined ? {} : { start: range.start, end: range.end - 1 },
      ),
      range: range === undefined ? undefined : { ...range, total: file.bytes ?? 0 },
      bytes: undefined,
      encoding: undefined,
      checksum: undefined,
    }),
    close: () => undefined,
  };
}
