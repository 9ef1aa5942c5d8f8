/**
 * The primitives of the protobuf wire format (protobuf.dev, "Encoding"): varints, tags, lengths.
 * Knows no message. Reading copies nothing: `bytes` are views.
 */

export class WireError extends Error {
  override readonly name = "WireError";
}

export const varintType = 0;
export const fixed64Type = 1;
export const lengthType = 2;
export const fixed32Type = 5;

const groupStart = 3;
const groupEnd = 4;
const groupDepthMax = 32;

/** Reads one message, front to back. Every method throws WireError where the bytes run out. */
export class ProtoReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = 0;
    this.#end = bytes.byteLength;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next tag as `field << 3 | wireType`. */
  tag(): number {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw new WireError("field number 0");
    return tag;
  }

  /** A varint's low 32 bits, unsigned. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireError("varint of more than 10 bytes");
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return this.uint64() !== 0n;
  }

  /** A varint of up to 64 bits, unsigned. */
  uint64(): bigint {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 64) high |= bits << (shift - 32);
      if (byte < 0x80) return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
    throw new WireError("varint of more than 10 bytes");
  }

  /** The bytes of one varint, as they stand. */
  varintBytes(): Buffer {
    const start = this.#at;
    this.uint64();
    return this.#bytes.subarray(start, this.#at);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  /** A view of a length-delimited field. */
  bytes(): Buffer {
    const length = this.uint64();
    if (length > BigInt(this.#end - this.#at)) {
      throw new WireError(`length ${length} exceeds the ${this.#end - this.#at} bytes that remain`);
    }
    const at = this.#take(Number(length));
    return this.#bytes.subarray(at, this.#at);
  }

  string(): string {
    return this.bytes().toString("utf8");
  }

  /** Fixed-size bytes, as a view. */
  fixed(byteCount: number): Buffer {
    const at = this.#take(byteCount);
    return this.#bytes.subarray(at, this.#at);
  }

  skip(wireType: number, depth = 0): void {
    switch (wireType) {
      case varintType:
        this.uint64();
        return;
      case fixed64Type:
        this.#take(8);
        return;
      case lengthType:
        this.bytes();
        return;
      case fixed32Type:
        this.#take(4);
        return;
      case groupStart:
        this.#skipGroup(depth + 1);
        return;
      default:
        throw new WireError(`wire type ${wireType}`);
    }
  }

  #skipGroup(depth: number): void {
    if (depth > groupDepthMax) throw new WireError("groups nested too deep");
    for (;;) {
      const wireType = this.tag() & 7;
      if (wireType === groupEnd) return;
      this.skip(wireType, depth);
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new WireError("message ends in the middle of a field");
    const byte = this.#bytes[this.#at];
    this.#at += 1;
    return byte ?? 0;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new WireError("message ends in the middle of a field");
    this.#at = at + count;
    return at;
  }
}

/** Writes one message into a growing buffer. */
export class ProtoWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(bytesExpected = 256) {
    this.#buffer = Buffer.allocUnsafe(bytesExpected);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  tag(field: number, wireType: number): this {
    return this.varint((field << 3) | wireType);
  }

  /** A non-negative integer below 2^53. */
  varint(value: number): this {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at] = (rest % 0x80) | 0x80;
      this.#at += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at] = rest;
    this.#at += 1;
    return this;
  }

  /** Any 64-bit integer, signed or unsigned, in two's complement. */
  varint64(value: bigint): this {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#at] = Number(rest & 0x7fn) | 0x80;
      this.#at += 1;
      rest >>= 7n;
    }
    this.#buffer[this.#at] = Number(rest);
    this.#at += 1;
    return this;
  }

  int64(field: number, value: number | bigint): this {
    return this.tag(field, varintType).varint64(BigInt(value));
  }

  bool(field: number, value: boolean): this {
    return this.tag(field, varintType).varint(value ? 1 : 0);
  }

  double(field: number, value: number): this {
    this.tag(field, fixed64Type).#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
    return this;
  }

  float(field: number, value: number): this {
    this.tag(field, fixed32Type).#reserve(4);
    this.#at = this.#buffer.writeFloatLE(value, this.#at);
    return this;
  }

  string(field: number, text: string): this {
    const length = Buffer.byteLength(text);
    this.tag(field, lengthType).varint(length).#reserve(length);
    this.#at += this.#buffer.write(text, this.#at, length, "utf8");
    return this;
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.tag(field, lengthType).varint(bytes.byteLength);
    return this.raw(bytes);
  }

  /** Bytes as they are, without tag or length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.byteLength);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.byteLength;
    return this;
  }

  message(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter(64);
    write(inner);
    return this.bytes(field, inner.finish());
  }

  #reserve(count: number): void {
    const needed = this.#at + count;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}
