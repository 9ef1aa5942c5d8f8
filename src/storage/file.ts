import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Local files and folders: paths, and `file:` URIs. */

/** What a source is, and its files (paths below it, with `/`); a lone file has the path "". */
export interface Listing {
  readonly root: string;
  readonly kind: "file" | "folder";
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

const depthMax = 3;
const filesMax = 10_000;

/** Lists a source. Throws what Node throws where it cannot be read. */
export async function listFiles(source: string): Promise<Listing> {
  const root = localPath(source);
  const entry = await stat(root);
  if (!entry.isDirectory()) {
    return { root, kind: "file", files: [{ path: "", bytes: entry.size }] };
  }
  const files: { path: string; bytes: number }[] = [];
  await walk(root, "", files);
  return { root, kind: "folder", files };
}

/** The path that a source means; `undefined` schemes are refused by the settings. */
export function localPath(source: string): string {
  return source.startsWith("file:") ? fileURLToPath(source) : resolve(source);
}

async function walk(
  root: string,
  below: string,
  files: { path: string; bytes: number }[],
): Promise<void> {
  for (const name of (await readdir(join(root, below))).sort()) {
    // Dot files are never models; a mounted ConfigMap keeps its old copies in them.
    if (name.startsWith(".") || files.length >= filesMax) continue;
    const path = below === "" ? name : `${below}/${name}`;
    const entry = await stat(join(root, path));
    if (entry.isFile()) files.push({ path, bytes: entry.size });
    else if (entry.isDirectory() && path.split("/").length < depthMax) {
      await walk(root, path, files);
    }
  }
}
