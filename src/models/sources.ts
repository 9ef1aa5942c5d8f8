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
  readonly root: string;
  readonly kind: "file" | "folder";
  readonly files: readonly SourceFile[];
}

export type ListSource = (uri: string) => Promise<FoundSource>;

/** A small text file of a source, by its path below the root; rejects where it is too large. */
export type ReadText = (root: string, path: string, bytesMax: number) => Promise<string>;

/** What Node says of a source that cannot be read, in words for the operator. */
export function readProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES") return "permission is denied";
  return error instanceof Error ? error.message : String(error);
}
