import { access, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { appearMsMax, sourceFilesMax } from "../domain/limits.ts";
import {
  type Snapshot,
  StorageError,
  type StoredFile,
  type StoredSource,
} from "../domain/storage.ts";
import { below, relativePath } from "./contain.ts";
import { listFiles, localPath } from "./file.ts";
import type { ModelUri } from "./uri.ts";

/** Files of this machine, served where they are. */

type LocalUri = Extract<ModelUri, { scheme: "file" | "pvc" }>;
type Environment = Readonly<Record<string, string | undefined>>;

const claimRoot = "/mnt/pvc";
const modelRoot = "/mnt/models";

export async function resolveLocal(uri: LocalUri, env: Environment): Promise<StoredSource> {
  const given = uri.scheme === "pvc" ? await mounted(uri, env) : localPath(uri.path);
  if (env["MODEL_INIT_MODE"] === "async") await appeared(given);
  const { root, kind, files } = await listFiles(given);
  if (files.length > sourceFilesMax) {
    throw new StorageError("too-many-files", `it has more than ${sourceFilesMax} files`);
  }
  const localRoot = kind === "file" ? dirname(root) : root;
  const stored = await Promise.all(
    files.map(({ path }) => storedFile(localRoot, path === "" ? basename(root) : path)),
  );
  return {
    shown: given,
    identity: `file:${root}`,
    kind,
    files: stored,
    immutable: false,
    localRoot,
    stale: false,
  };
}

/** KServe's modelcar says by MODEL_INIT_MODE that the folder comes after the start. */
async function appeared(path: string): Promise<void> {
  const endMs = performance.now() + appearMsMax;
  for (let waitMs = 50; performance.now() < endMs; waitMs = Math.min(1_000, waitMs * 2)) {
    if (await exists(path)) return;
    await wait(waitMs);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function storedFile(root: string, path: string): Promise<StoredFile> {
  const { size, mtimeMs, ino } = await stat(join(root, path));
  return { path, bytes: size, version: `${size}-${mtimeMs}-${ino}` };
}

/** Where Kubernetes mounted a claim: the process cannot mount it itself. */
async function mounted(
  { claim, path }: Extract<LocalUri, { scheme: "pvc" }>,
  env: Environment,
): Promise<string> {
  const root = env["THAW_PVC_ROOT"] ?? claimRoot;
  const places = [join(root, claim, path), join(root, path), modelRoot];
  if (path === "") places.splice(1, 1, root);
  for (const place of places) {
    if (await exists(place)) return place;
  }
  throw new StorageError(
    "not-found",
    `the claim '${claim}' is not mounted at ${places.join(" or ")}; mount it, or give the path`,
  );
}

/** The file's place, which must be below the root after all links. */
async function placeOf(source: StoredSource, path: string): Promise<string> {
  const root = await realpath(source.localRoot ?? "");
  const place = await realpath(below(root, relativePath(path)));
  // A mounted file may itself be a link, as in a mounted ConfigMap or a model cache.
  const lone = source.kind === "file";
  if (!lone && !place.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new StorageError("unsafe-path", `'${path}' is a link that leads out of the folder`);
  }
  if (!(await stat(place)).isFile()) {
    throw new StorageError("unsafe-path", `'${path}' is neither a file nor a link to one`);
  }
  return place;
}

export async function readLocalText(
  source: StoredSource,
  path: string,
  bytesMax: number,
): Promise<string> {
  const place = await placeOf(source, path);
  const { size } = await stat(place);
  if (size > bytesMax) {
    throw new StorageError("too-large", `'${path}' has ${size} bytes, more than ${bytesMax}`);
  }
  return readFile(place, "utf8");
}

export async function fetchLocal(
  source: StoredSource,
  paths: readonly string[],
): Promise<Snapshot> {
  for (const path of paths) await placeOf(source, path);
  return { folder: source.localRoot ?? "", release: () => Promise.resolve() };
}
