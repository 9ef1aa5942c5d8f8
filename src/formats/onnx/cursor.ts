import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FormatError } from "../error.ts";

const windowBytes = 64 * 1024;

/**
 * Reads a protobuf file front to back through a small window, so that skipping weights of any size
 * costs no memory. Positions are byte offsets in the file.
 */
export class FileCursor {
  readonly #file: number;
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #windowStart = 0;
  #windowLength = 0;
  position = 0;
  /** Of the file, in bytes. */
  readonly size: number;

  constructor(path: string) {
    this.#file = openSync(path, "r");
    this.size = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Whether nothing is left in the file. */
  get atEnd(): boolean {
    return !this.#ensure(1);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new FormatError("not an ONNX model: a varint has more than 10 bytes");
  }

  /** A varint as the signed 64-bit integer that it stands for. */
  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new FormatError("not an ONNX model: a varint has more than 10 bytes");
  }

  /** Text of `length` bytes; refused above what a name can be. */
  text(length: number): string {
    if (length > windowBytes / 2 || !this.#ensure(length)) {
      throw new FormatError("not an ONNX model: a name is too long or cut off");
    }
    const at = this.position - this.#windowStart;
    this.position += length;
    return this.#window.toString("utf8", at, at + length);
  }

  /**
   * Goes through the fields of the message that ends at `messageEnd`; `take` reads a field's value
   * or declines it, and knows where its tag is. A message that goes on behind its end is refused.
   */
  fields(messageEnd: number, take: (field: number, at: number, wireType: number) => boolean): void {
    while (this.position < messageEnd) {
      const at = this.position;
      const tag = this.varint();
      const wireType = tag & 7;
      if (!take(Math.floor(tag / 8), at, wireType)) this.skip(wireType);
    }
    if (this.position !== messageEnd) {
      throw new FormatError("not an ONNX model: a message does not end where it says");
    }
  }

  /** The end of the length-delimited field that begins here. */
  fieldEnd(): number {
    const length = this.varint();
    if (length > this.size - this.position) throw new FormatError("the ONNX model is cut off");
    return this.position + length;
  }

  /** A length-delimited text that begins here. */
  string(): string {
    return this.text(this.varint());
  }

  /** Passes over a field of the given protobuf wire type. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.position += 8;
    else if (wireType === 5) this.position += 4;
    else if (wireType === 2) this.position = this.fieldEnd();
    else throw new FormatError(`not an ONNX model: it holds protobuf wire type ${wireType}`);
  }

  #byte(): number {
    if (!this.#ensure(1)) throw new FormatError("the ONNX model is cut off");
    const byte = this.#window[this.position - this.#windowStart];
    this.position += 1;
    return byte ?? 0;
  }

  /** Brings the next `count` bytes into the window; false where the file ends before. */
  #ensure(count: number): boolean {
    const at = this.position - this.#windowStart;
    if (at >= 0 && at + count <= this.#windowLength) return true;
    this.#windowStart = this.position;
    this.#windowLength = readSync(this.#file, this.#window, 0, windowBytes, this.position);
    return count <= this.#windowLength;
  }
}
