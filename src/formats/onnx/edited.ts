import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { removeIfThere } from "../places.ts";
import type { Outline } from "./outline.ts";
import { type Edit, spliced } from "./splice.ts";

/** A graph made of a model file by edits. */
export interface EditedGraph {
  readonly kind: "edited";
  /** Its file, to be removed after the load; its bytes where no file could be written. */
  readonly source: string | Uint8Array;
  /** Where the model file lies: what it keeps outside of itself (external data) is there. */
  readonly weightsFolder: string;
}

export interface EditPlan {
  readonly modelPath: string;
  readonly outline: Outline;
  readonly edits: readonly Edit[];
  readonly folder: string;
}

/**
 * Writes the edited graph to a new file in `folder`; weights in files of their own stay where they
 * are. A file takes ONNX Runtime half the memory of a buffer, so a buffer serves only where
 * `folder` cannot be written.
 */
export function writeEdited({ modelPath, outline, edits, folder }: EditPlan): EditedGraph {
  const weightsFolder = dirname(resolve(modelPath));
  const path = join(folder, `${crypto.randomUUID()}.onnx`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeAll(path, spliced(modelPath, outline, edits));
    return { kind: "edited", source: path, weightsFolder };
  } catch (error) {
    removeIfThere(path);
    if (!isUnwritable(error)) throw error;
    const source = new Uint8Array(Buffer.concat([...spliced(modelPath, outline, edits)]));
    return { kind: "edited", source, weightsFolder };
  }
}

function writeAll(path: string, pieces: Iterable<Uint8Array>): void {
  const file = openSync(path, "wx", 0o600);
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
    }
  } finally {
    closeSync(file);
  }
}

const unwritable: ReadonlySet<unknown> = new Set([
  "EACCES",
  "EDQUOT",
  "ENOSPC",
  "ENOTDIR",
  "EPERM",
  "EROFS",
]);

function isUnwritable(error: unknown): boolean {
  return error instanceof Error && "code" in error && unwritable.has(error.code);
}
