import { type JsonError, tooDeep } from "./json.ts";

const quote = 0x22;
const backslash = 0x5c;

/**
 * Finds out in slices what `parseJson` would say of a text that is no JSON from some byte on: it
 * counts characters and not bytes, and a nesting that is too deep further on comes first.
 */
export class Refusal {
  readonly #bytes: Buffer;
  readonly #from: number;
  readonly #depthMax: number;
  readonly #describe: (at: number, found: string | undefined) => JsonError;
  #depth: number;
  #at = 0;
  /** UTF-16 units before `#at`, and before `#from` once that is passed. */
  #units = 0;
  #fromUnits: number | undefined;
  #inString = false;
  #escaped = false;

  constructor(
    bytes: Buffer,
    from: number,
    depth: { readonly open: number; readonly max: number },
    describe: (at: number, found: string | undefined) => JsonError,
  ) {
    this.#bytes = bytes;
    this.#from = from;
    this.#depth = depth.open;
    this.#depthMax = depth.max;
    this.#describe = describe;
  }

  /** Looks at `bytesMax` bytes more. Throws the JsonError when it is known. */
  step(bytesMax: number): void {
    const limit = Math.min(this.#bytes.length, this.#at + bytesMax);
    for (; this.#at < limit; this.#at += 1) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (this.#at >= this.#from) {
        this.#fromUnits ??= this.#units;
        this.#look(byte);
      }
      if ((byte & 0xc0) !== 0x80) this.#units += byte >= 0xf0 ? 2 : 1;
    }
    if (this.#at < this.#bytes.length) return;
    const found = this.#bytes.toString("utf8", this.#from, this.#from + 4)[0];
    throw this.#describe(this.#fromUnits ?? this.#units, found);
  }

  /** Counts what is open, as `parseJson` does before it parses. */
  #look(byte: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
    } else if (byte === quote) this.#inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      this.#depth += 1;
      if (this.#depth > this.#depthMax) throw tooDeep(this.#depthMax, this.#units);
    } else if (byte === 0x5d || byte === 0x7d) this.#depth -= 1;
  }
}
