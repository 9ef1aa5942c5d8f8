import type { Stats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Local files and folders: paths, and `file:` URIs. */

/** What a source is, and its files (paths below it, with `/`); a lone file has the path "". */
export interface Listing {
  readonly root: string;
  readonly kind: "file" | "folder";
  readonly files: readonly ListedFile[];
}

export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  /** Another one for another content, as far as the file system can tell. */
  readonly tag: string;
}

const depthMax = 3;
const filesMax = 10_000;

/** Lists a source. Throws what Node throws where it cannot be read. */
export async function listFiles(source: string): Promise<Listing> {
  const root = localPath(source);
  const entry = await stat(root);
  if (!entry.isDirectory()) {
    return { root, kind: "file", files: [{ path: "", bytes: entry.size, tag: tagOf(entry) }] };
  }
  const files: ListedFile[] = [];
  await walk(root, "", files);
  return { root, kind: "folder", files };
}

/** The path that a source means; `undefined` schemes are refused by the settings. */
export function localPath(source: string): string {
  return source.startsWith("file:") ? fileURLToPath(source) : resolve(source);
}

/** The inode as well: what a link leads to may be as old and as large as what it led to before. */
function tagOf({ ino, mtimeMs }: Stats): string {
  return `${ino}-${mtimeMs}`;
}

/** A small text file below a source's root. Throws what Node throws, and where it is too large. */
export async function readTextFile(root: string, path: string, bytesMax: number): Promise<string> {
  const file = path === "" ? root : join(root, path);
  const { size } = await stat(file);
  if (size > bytesMax) throw new Error(`${path} has ${size} bytes; at most ${bytesMax} are read`);
  return readFile(file, "utf8");
}

async function walk(root: string, below: string, files: ListedFile[]): Promise<void> {
  for (const name of (await readdir(join(root, below))).sort()) {
    // Dot files are never models; a mounted ConfigMap keeps its old copies in them.
    if (name.startsWith(".") || files.length >= filesMax) continue;
    const path = below === "" ? name : `${below}/${name}`;
    const entry = await statNow(join(root, path));
    // It went between the listing and now, or leads nowhere yet.
    if (entry === undefined) continue;
    if (entry.isFile()) files.push({ path, bytes: entry.size, tag: tagOf(entry) });
    else if (entry.isDirectory() && path.split("/").length < depthMax) {
      await walk(root, path, files);
    }
  }
}

async function statNow(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
