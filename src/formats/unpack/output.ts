/** Thrown by a codec once it has more than it may. */
export class TooMuchError extends Error {
  override readonly name = "TooMuchError";
}

/** Where codecs write bytes: grows, up to a bound. */
export class BoundedOutput {
  #bytes = new Uint8Array(65_536);
  #length = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  byteAt(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  writeByte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  writeBytes(source: Uint8Array, from: number, count: number): void {
    if (this.#length + count > this.#bytes.length) this.#grow(count);
    this.#bytes.set(source.subarray(from, from + count), this.#length);
    this.#length += count;
  }

  #grow(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#bytesMax) throw new TooMuchError();
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, 2 * this.#length)));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
