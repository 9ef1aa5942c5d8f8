import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Secret } from "../domain/redact.ts";
import { StorageError } from "../domain/storage.ts";
import type { Checksum } from "./checksum.ts";
import { relativePath, urlPath, urlSegment } from "./contain.ts";
import { follow, opened, rangeHeader } from "./http.ts";
import { Pages, prefixListing, type StoredObject } from "./prefix.ts";
import type { Remote } from "./remote.ts";
import type { Environment } from "./storage-config.ts";
import { jsonOf, type Transport } from "./transport.ts";
import type { ModelUri } from "./uri.ts";

/** The Hugging Face Hub: a revision becomes a commit once, and all is read of that commit. */
export function hfRemote(
  { repo, revision, path }: Extract<ModelUri, { scheme: "hf" }>,
  transport: Transport,
): Remote {
  const origin = new URL(nonEmpty(transport.env["HF_ENDPOINT"]) ?? "https://huggingface.co").origin;
  const token = hubToken(transport.env);
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
  const get = (url: URL, more: Record<string, string>, signal: AbortSignal) =>
    follow(transport, { url, headers: { ...headers, ...more }, signal });
  const pinned = /^[0-9a-f]{40}$/.test(revision);
  let commit = pinned ? revision : undefined;

  return {
    identity: `hf:${origin}/${repo}:${revision}/${path}`,
    list: async (signal) => {
      const known = commit ?? (await commitOf(new URL(origin), { repo, revision, get, signal }));
      commit = known;
      const base = new URL(`/api/models/${repo}/tree/${known}?recursive=true`, origin);
      const objects = await tree(base, (url) => get(url, {}, signal));
      const exact = objects.find(({ key }) => key === path);
      const below = objects.filter(({ key }) => path === "" || key.startsWith(`${path}/`));
      const versioned = (one: StoredObject) => ({ ...one, version: `${known}/${one.version}` });
      const found = exact === undefined ? undefined : versioned(exact);
      return { ...prefixListing(path, below.map(versioned), found), immutable: pinned };
    },
    open: async (file, range, signal) => {
      const [known = ""] = file.version.split("/");
      const below = `/${repo}/resolve/${urlSegment(known)}/${urlPath(relativePath(file.key))}`;
      return opened(await get(new URL(below, origin), rangeHeader(range), signal));
    },
    close: () => transport.close(),
  };
}

type Get = (
  url: URL,
  more: Record<string, string>,
  signal: AbortSignal,
) => ReturnType<typeof follow>;

interface Revision {
  readonly repo: string;
  readonly revision: string;
  readonly get: Get;
  readonly signal: AbortSignal;
}

async function commitOf(origin: URL, { repo, revision, get, signal }: Revision): Promise<string> {
  const url = new URL(`/api/models/${repo}/revision/${urlSegment(revision)}`, origin);
  try {
    const { sha } = Object(await jsonOf(await get(url, {}, signal)));
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return sha;
  } catch (error) {
    // The Hub says so of what is private and of what is not there.
    if (!(error instanceof StorageError && error.kind === "unauthorized")) throw error;
    const what = `there is no '${repo}', or HF_TOKEN gives no access to it`;
    throw new StorageError("not-found", what, { cause: error });
  }
  throw new StorageError("corrupt", "the Hub's answer names no commit");
}

async function tree(
  first: URL,
  get: (url: URL) => ReturnType<typeof follow>,
): Promise<readonly StoredObject[]> {
  const pages = new Pages();
  let next: string | undefined = first.href;
  while (next !== undefined) {
    const answer = await get(new URL(next));
    const link: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(
      String(answer.headers["link"] ?? ""),
    )?.[1];
    const page = await jsonOf(answer);
    if (!Array.isArray(page)) throw new StorageError("corrupt", "the Hub's listing is no list");
    if (link !== undefined && new URL(link, first).origin !== first.origin) {
      throw new StorageError("redirect-refused", "the Hub's listing goes on at another host");
    }
    const following = link === undefined ? undefined : new URL(link, first).href;
    next = pages.add(page.flatMap(storedObject), following);
  }
  return pages.objects;
}

function storedObject(value: unknown): StoredObject[] {
  const { type, path, size, oid, lfs } = Object(value);
  if (type !== "file") return [];
  if (typeof path !== "string" || typeof size !== "number" || typeof oid !== "string") {
    throw new StorageError("corrupt", "a file without path, size or hash in the Hub's listing");
  }
  const large = Object(lfs);
  const bytes = typeof large.size === "number" ? large.size : size;
  return [{ key: path, bytes, version: oid, checksum: hubChecksum(oid, large.oid) }];
}

/** Files in LFS have their SHA-256 there; others are git blobs. */
function hubChecksum(oid: string, lfs: unknown): Checksum | undefined {
  if (typeof lfs === "string") {
    const hex = lfs.replace(/^sha256:/, "");
    return /^[0-9a-f]{64}$/.test(hex) ? { algorithm: "sha256", hex } : undefined;
  }
  return /^[0-9a-f]{40}$/.test(oid) ? { algorithm: "git-blob", hex: oid } : undefined;
}

function hubToken(env: Environment): Secret | undefined {
  const given = nonEmpty(env["HF_TOKEN"]);
  if (given !== undefined) return new Secret(given.trim());
  const home = nonEmpty(env["HF_HOME"]) ?? join(homedir(), ".cache", "huggingface");
  const path = nonEmpty(env["HF_TOKEN_PATH"]) ?? join(home, "token");
  try {
    const text = readFileSync(path, "utf8").trim();
    return text === "" ? undefined : new Secret(text);
  } catch {
    return undefined;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
