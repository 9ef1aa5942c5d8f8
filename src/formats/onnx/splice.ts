import { closeSync, openSync, readSync } from "node:fs";
import { ProtoWriter } from "../../wire/protobuf.ts";
import type { Outline } from "./outline.ts";
import type { Range } from "./types.ts";

/** Bytes in place of a range of the file; an empty range is a place to put them in. */
export interface Edit extends Range {
  readonly bytes: Uint8Array;
}

const chunkBytes = 1024 * 1024;

/**
 * A model file with edits inside its graph, piece by piece, so that files of any size take little
 * memory. All other bytes, unknown fields among them, are those of the file; what changes besides
 * is the length of the graph's message.
 */
export function* spliced(
  path: string,
  { graph, graphLengthAt }: Outline,
  edits: readonly Edit[],
): Generator<Uint8Array> {
  const grown = edits.reduce((sum, { from, to, bytes }) => sum + bytes.length - (to - from), 0);
  const length = { from: graphLengthAt, to: graph.from, bytes: lengthOf(graph, grown) };
  const file = openSync(path, "r");
  try {
    let at = 0;
    for (const { from, to, bytes } of [length, ...edits].sort((a, b) => a.from - b.from)) {
      yield* copied(file, at, from);
      yield bytes;
      at = to;
    }
    yield* copied(file, at, Number.POSITIVE_INFINITY);
  } finally {
    closeSync(file);
  }
}

function lengthOf({ from, to }: Range, grown: number): Uint8Array {
  return new ProtoWriter(10).varint(to - from + grown).finish();
}

/** A few bytes of a file. */
export function bytesOf(path: string, { from, to }: Range): Uint8Array {
  const file = openSync(path, "r");
  try {
    return new Uint8Array(Buffer.concat([...copied(file, from, to)]));
  } finally {
    closeSync(file);
  }
}

/** The bytes of the file from `from` up to `to`, or its end. */
function* copied(file: number, from: number, to: number): Generator<Uint8Array> {
  for (let at = from; at < to; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, to - at));
    const count = readSync(file, chunk, 0, chunk.length, at);
    if (count === 0) return;
    yield chunk.subarray(0, count);
    at += count;
  }
}
