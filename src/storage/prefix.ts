import { sourceFilesMax } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import { relativePath } from "./contain.ts";
import type { RemoteFile, RemoteListing } from "./remote.ts";

/** What an object store has at a key and below it. */
export interface StoredObject extends Omit<RemoteFile, "path" | "key"> {
  readonly key: string;
}

/** How a store is asked for what is below a key, and at it. */
export interface Lookups {
  readonly below: (prefix: string) => Promise<readonly StoredObject[]>;
  readonly at: (key: string) => Promise<StoredObject | undefined>;
}

/**
 * What `key` means in a store, by both questions at once. Who may read an object may have no right
 * to list; then there is that object.
 */
export async function findAt(key: string, { below, at }: Lookups): Promise<RemoteListing> {
  if (key === "") return prefixListing(key, await below(""), undefined);
  const [listed, exact] = await Promise.allSettled([below(`${key}/`), at(key)]);
  const one = exact.status === "fulfilled" ? exact.value : undefined;
  if (listed.status === "rejected") {
    const { reason } = listed;
    const noRight = reason instanceof StorageError && reason.kind === "forbidden";
    if (noRight && one !== undefined) return prefixListing(key, [], one);
    throw reason;
  }
  if (exact.status === "rejected") throw exact.reason;
  return prefixListing(key, listed.value, one);
}

/**
 * A key names a folder if there are objects below it, else a file if there is one of just that
 * name: `model` is never `model2/…`. Markers of folders are skipped, empty files are not.
 */
export function prefixListing(
  key: string,
  below: readonly StoredObject[],
  exact: StoredObject | undefined,
): RemoteListing {
  const folder = key === "" ? "" : `${key}/`;
  const files = below
    .filter((object) => object.key.startsWith(folder) && !object.key.endsWith("/"))
    .map((object) => ({ ...object, path: relativePath(object.key.slice(folder.length)) }));
  if (files.length > 0) {
    const both = `there are a file and a folder of the name '${key}'; the folder is served`;
    const warning = exact === undefined ? {} : { warning: both };
    return { kind: "folder", files, immutable: false, ...warning };
  }
  if (exact === undefined) {
    const marker = below.length > 0 ? ", but the marker of an empty folder" : "";
    throw new StorageError("not-found", `there is nothing at or below '${key}'${marker}`);
  }
  const path = relativePath(key.slice(key.lastIndexOf("/") + 1));
  return { kind: "file", files: [{ ...exact, path }], immutable: false };
}

/** Gathers pages of a listing, up to the bound on files. */
export class Pages {
  readonly objects: StoredObject[] = [];
  readonly #tokens = new Set<string>();

  /** Takes a page; `next` says where the next begins. Throws `too-many-files` and `corrupt`. */
  add(objects: readonly StoredObject[], next: string | undefined): string | undefined {
    this.objects.push(...objects);
    const files = this.objects.filter(({ key }) => !key.endsWith("/")).length;
    if (files > sourceFilesMax) {
      throw new StorageError("too-many-files", `it has more than ${sourceFilesMax} files`);
    }
    if (next !== undefined && this.#tokens.has(next)) {
      throw new StorageError("corrupt", "the store's listing goes in a circle");
    }
    if (next !== undefined) this.#tokens.add(next);
    return next;
  }
}
