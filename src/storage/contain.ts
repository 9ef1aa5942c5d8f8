import { join } from "node:path";
import { pathBytesMax, pathDepthMax, pathSegmentBytesMax } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import { clip } from "../domain/text.ts";

/**
 * The only place that makes a path, on disk or in a URL, from outside text: object keys, names in
 * repositories, entries of archives, last segments of URLs.
 */

declare const contained: unique symbol;

/** A path below some root that cannot leave it. */
export type RelativePath = string & { readonly [contained]: true };

/** The text as a relative path. Throws `unsafe-path`. */
export function relativePath(text: string): RelativePath {
  const problem = pathProblem(text);
  if (problem !== undefined) {
    throw new StorageError("unsafe-path", `the name '${clip(text)}' is refused: ${problem}`);
  }
  // The check above is what the brand stands for.
  return text as RelativePath;
}

function pathProblem(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (Buffer.byteLength(text) > pathBytesMax) return `it has more than ${pathBytesMax} bytes`;
  if (!text.isWellFormed()) return "it is not well-formed Unicode";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
  if (/[\u0000-\u001f\u007f]/.test(text)) return "it has control characters";
  if (text.includes("\\")) return "it has a backslash";
  const segments = text.split("/");
  if (segments.length > pathDepthMax) return `it has more than ${pathDepthMax} levels`;
  for (const segment of segments) {
    if (segment === "") return "it has an empty segment";
    if (segment === "." || segment === "..") return `it has the segment '${segment}'`;
    if (Buffer.byteLength(segment) > pathSegmentBytesMax) {
      return `it has a segment of more than ${pathSegmentBytesMax} bytes`;
    }
  }
  return undefined;
}

/** The place of `path` below `root` on disk. */
export function below(root: string, path: RelativePath): string {
  return join(root, path);
}

/**
 * A key as the path of a URL, each segment percent-encoded as RFC 3986 wants it, which is how S3
 * signs it too. Keys with `.` or `..` would be resolved by URL parsers, and are refused before.
 */
export function urlPath(path: RelativePath): string {
  return path.split("/").map(urlSegment).join("/");
}

/** One segment, with nothing left that means something in a URL. */
export function urlSegment(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Names that are to be files in one folder. Refuses those that would be one file on some disk:
 * equal after NFC, or a file where another name needs a folder.
 */
export class NameSet {
  readonly #files = new Map<string, string>();
  readonly #folders = new Map<string, string>();

  /** Throws `unsafe-path`. */
  add(path: RelativePath): void {
    const form = path.normalize("NFC");
    const other = this.#files.get(form) ?? this.#folders.get(form);
    if (other !== undefined) throw collision(path, other);
    this.#files.set(form, path);
    for (let at = form.indexOf("/"); at !== -1; at = form.indexOf("/", at + 1)) {
      const folder = form.slice(0, at);
      const file = this.#files.get(folder);
      if (file !== undefined) throw collision(path, file);
      this.#folders.set(folder, path);
    }
  }
}

function collision(path: string, other: string): StorageError {
  const both = `'${clip(path)}' and '${clip(other)}'`;
  return new StorageError("unsafe-path", `the names ${both} cannot both be files in one folder`);
}
