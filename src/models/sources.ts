import { shownUri } from "../domain/redact.ts";
import { type Snapshot, StorageError } from "../domain/storage.ts";
import type { SourceFile } from "./layout.ts";

/** A source as the operator gave it: `NAME=URI`, or a path or URI alone. */
export interface Source {
  readonly name: string | undefined;
  readonly uri: string;
}

/** A name before the first `=`, unless that `=` belongs to a path or URI. */
export function parseSource(text: string): Source {
  const at = text.indexOf("=");
  const name = text.slice(0, at);
  if (at <= 0 || /[/\\:]/.test(name)) return { name: undefined, uri: text };
  return { name, uri: text.slice(at + 1) };
}

/** What the storage found at a source. */
export interface FoundSource {
  /** Where the files are, or where they come from, as it may be shown. */
  readonly root: string;
  readonly kind: "file" | "folder";
  readonly files: readonly SourceFile[];
  /** A small text file, by its path below the root; rejects where it is too large. */
  readonly readText: ReadText;
  /** Brings files of a source that is elsewhere. */
  readonly fetch?: (paths: readonly string[]) => Promise<Snapshot>;
}

export type ListSource = (uri: string) => Promise<FoundSource>;

export type ReadText = (path: string, bytesMax: number) => Promise<string>;

/** Why a source cannot be read, in words for the operator, who is told which. */
export function readProblem(uri: string, error: unknown): string {
  return error instanceof StorageError
    ? error.message
    : `source '${shownUri(uri)}' cannot be read: ${systemProblem(error)}`;
}

/** What Node says of a file, in words for the operator. */
export function systemProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES") return "permission is denied";
  return error instanceof Error ? error.message : String(error);
}
