import { isUtf8 } from "node:buffer";
import { jsonSliceBytes } from "../domain/limits.ts";
import { responseTooLarge } from "./checks.ts";

/** Large bodies a slice at a time: each generator yields where others are to have their turn. */

/** What is copied or checked, not parsed, goes so much faster. */
const copiedBytes = 16 * jsonSliceBytes;
/** Parts of a text are gathered up to this, for many small ones. */
const gatheredLength = jsonSliceBytes / 4;

/** Does small work at once, whatever it yields. */
export function drained<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Whether the bytes are valid UTF-8. */
export function* utf8InSlices(bytes: Buffer): Generator<void, boolean> {
  for (let at = 0; at < bytes.length; ) {
    const end = characterEnd(bytes, at + copiedBytes);
    if (!isUtf8(bytes.subarray(at, end))) return false;
    at = end;
    if (at < bytes.length) yield;
  }
  return true;
}

/** Where the character ends that `at` cuts; a character has at most three more bytes. */
function characterEnd(bytes: Buffer, at: number): number {
  let end = Math.min(at, bytes.length);
  while (end < at + 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end += 1;
  return end;
}

export interface Gathered {
  readonly body: Buffer<ArrayBuffer>;
  /** Bytes of the text alone. */
  readonly textBytes: number;
}

/** The parts of a text in UTF-8, then `rest`. Throws `too-large` beyond `bytesMax`. */
export function* gathered(
  text: Iterable<string>,
  rest: readonly Uint8Array[],
  bytesMax: number,
): Generator<void, Gathered> {
  const restBytes = rest.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  const parts: Uint8Array[] = [];
  let textBytes = 0;
  let waiting = "";
  const cut = () => {
    const part = Buffer.from(waiting);
    waiting = "";
    textBytes += part.length;
    if (restBytes + textBytes > bytesMax) throw responseTooLarge(restBytes + textBytes, bytesMax);
    parts.push(part);
  };
  for (const part of text) {
    waiting += part;
    if (waiting.length < gatheredLength) continue;
    cut();
    yield;
  }
  cut();
  const body = yield* joined([...parts, ...rest], restBytes + textBytes);
  return { body, textBytes };
}

function* joined(parts: readonly Uint8Array[], size: number): Generator<void, Buffer<ArrayBuffer>> {
  const all = Buffer.allocUnsafeSlow(size);
  let at = 0;
  let turnAt = copiedBytes;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += copiedBytes) {
      const piece = part.subarray(from, from + copiedBytes);
      all.set(piece, at);
      at += piece.length;
      if (at < turnAt) continue;
      turnAt += copiedBytes;
      yield;
    }
  }
  return all;
}
