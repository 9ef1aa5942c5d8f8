import { FormatError } from "../error.ts";

/** Reads a pickle's bytes front to back. Every method throws FormatError where they run out. */
export class PickleCursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  /** A view. */
  take(count: number): Buffer {
    return this.bytes.subarray(this.#move(count), this.at);
  }

  uint8(): number {
    return this.bytes.readUInt8(this.#move(1));
  }

  uint16(): number {
    return this.bytes.readUInt16LE(this.#move(2));
  }

  int32(): number {
    return this.bytes.readInt32LE(this.#move(4));
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.#move(4));
  }

  /** A length of 8 bytes. */
  length8(): number {
    const length = this.bytes.readBigUInt64LE(this.#move(8));
    if (length > BigInt(this.remaining)) throw cutOff(length, this.remaining);
    return Number(length);
  }

  /** Doubles of pickles are big-endian. */
  double(): number {
    return this.bytes.readDoubleBE(this.#move(8));
  }

  /** Text up to the end of the line, which is not part of it; Latin-1, as protocol 0 has it. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new FormatError("a line of the pickle has no end");
    const text = this.bytes.toString("latin1", this.at, end);
    this.at = end + 1;
    return text;
  }

  text(count: number): string {
    return this.take(count).toString("utf8");
  }

  #move(count: number): number {
    if (count > this.remaining) throw cutOff(count, this.remaining);
    const { at } = this;
    this.at += count;
    return at;
  }
}

function cutOff(wanted: number | bigint, remaining: number): FormatError {
  return new FormatError(
    `the file is cut off or damaged: ${wanted} bytes are announced where ${remaining} remain`,
  );
}
