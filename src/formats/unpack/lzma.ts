import { BoundedOutput } from "./output.ts";

/**
 * The older LZMA format (`.lzma`, "LZMA alone"), by the LZMA specification of the LZMA SDK.
 * Packages that read it cannot be bounded, so this is our own. Throws where the bytes are damaged.
 */
export function unpackLzma(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const properties = bytes[0] ?? 255;
  if (properties >= 9 * 5 * 5) throw new Error("wrong properties");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getBigUint64(5, true);
  const decoder = new LzmaDecoder(bytes, new BoundedOutput(bytesMax), {
    literalContextBits: properties % 9,
    literalPositionBits: Math.floor(properties / 9) % 5,
    positionBits: Math.floor(properties / 45),
  });
  return Promise.resolve(decoder.decode(size === 2n ** 64n - 1n ? undefined : Number(size)));
}

interface Parameters {
  readonly literalContextBits: number;
  readonly literalPositionBits: number;
  readonly positionBits: number;
}

const headerBytes = 13;
const probabilityInitial = 1_024;
const states = 12;
const lengthStates = 4;
const matchLengthMin = 2;
const endMarker = 0xffffffff;

/** An adaptive binary model of each bit. */
function probabilities(count: number): Uint16Array {
  return new Uint16Array(count).fill(probabilityInitial);
}

/** The range coder. */
class RangeDecoder {
  readonly #bytes: Uint8Array;
  #at = headerBytes + 1;
  #range = 0xffffffff;
  #code = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let count = 0; count < 4; count += 1) this.#code = (this.#code << 8) | this.#next();
    this.#code >>>= 0;
  }

  bit(models: Uint16Array, index: number): 0 | 1 {
    const model = models[index] ?? probabilityInitial;
    const bound = (this.#range >>> 11) * model;
    let bit: 0 | 1;
    if (this.#code < bound) {
      this.#range = bound;
      models[index] = model + ((2_048 - model) >>> 5);
      bit = 0;
    } else {
      this.#range -= bound;
      this.#code -= bound;
      models[index] = model - (model >>> 5);
      bit = 1;
    }
    this.#normalize();
    return bit;
  }

  /** Bits that are as likely 0 as 1. */
  direct(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = ((value << 1) | bit) >>> 0;
      this.#normalize();
    }
    return value;
  }

  tree(models: Uint16Array, bits: number, offset = 0): number {
    let node = 1;
    for (let count = 0; count < bits; count += 1) {
      node = (node << 1) | this.bit(models, offset + node);
    }
    return node - (1 << bits);
  }

  reverseTree(models: Uint16Array, bits: number, offset = 0): number {
    let node = 1;
    let value = 0;
    for (let count = 0; count < bits; count += 1) {
      const bit = this.bit(models, offset + node);
      node = (node << 1) | bit;
      value |= bit << count;
    }
    return value;
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Error("cut off");
    this.#at += 1;
    return byte;
  }
}

/** Lengths of matches: three ranges, the first two by the position. */
class LengthDecoder {
  readonly #choice = probabilities(2);
  readonly #low = probabilities(16 << 3);
  readonly #middle = probabilities(16 << 3);
  readonly #high = probabilities(256);

  decode(range: RangeDecoder, position: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, 3, position << 3);
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, 3, position << 3);
    return 16 + range.tree(this.#high, 8);
  }
}

class LzmaDecoder {
  readonly #range: RangeDecoder;
  readonly #output: BoundedOutput;
  readonly #parameters: Parameters;
  readonly #literals: Uint16Array;
  readonly #isMatch = probabilities(states << 4);
  readonly #isRepeat = probabilities(states);
  readonly #isRepeat0 = probabilities(states);
  readonly #isRepeat1 = probabilities(states);
  readonly #isRepeat2 = probabilities(states);
  readonly #isRepeat0Long = probabilities(states << 4);
  readonly #slots = probabilities(lengthStates << 6);
  readonly #positions = probabilities(128);
  readonly #align = probabilities(16);
  readonly #matchLength = new LengthDecoder();
  readonly #repeatLength = new LengthDecoder();
  /** The last four distances, less one. */
  #repeats: [number, number, number, number] = [0, 0, 0, 0];
  #state = 0;

  constructor(bytes: Uint8Array, output: BoundedOutput, parameters: Parameters) {
    this.#range = new RangeDecoder(bytes);
    this.#output = output;
    this.#parameters = parameters;
    const { literalContextBits, literalPositionBits } = parameters;
    this.#literals = probabilities(0x300 << (literalContextBits + literalPositionBits));
  }

  /** `size`: how many bytes there are; `undefined` where an end marker says it. */
  decode(size: number | undefined): Uint8Array {
    const positionMask = (1 << this.#parameters.positionBits) - 1;
    while (size === undefined || this.#output.length < size) {
      const position = this.#output.length & positionMask;
      if (this.#range.bit(this.#isMatch, (this.#state << 4) + position) === 0) {
        this.#literal();
        continue;
      }
      const length = this.#match(position);
      if (length === undefined) break;
      this.#copy(length);
    }
    return this.#output.bytes;
  }

  #literal(): void {
    const { literalContextBits, literalPositionBits } = this.#parameters;
    const output = this.#output;
    const before = output.length === 0 ? 0 : output.byteAt(output.length - 1);
    const place = output.length & ((1 << literalPositionBits) - 1);
    const context = (place << literalContextBits) + (before >> (8 - literalContextBits));
    const offset = 0x300 * context;
    let symbol = 1;
    if (this.#state >= 7) {
      let matched = this.#byteBack(this.#repeats[0]);
      while (symbol < 0x100) {
        const matchBit = (matched >> 7) & 1;
        matched <<= 1;
        const bit = this.#range.bit(this.#literals, offset + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (matchBit !== bit) break;
      }
    }
    while (symbol < 0x100) {
      symbol = (symbol << 1) | this.#range.bit(this.#literals, offset + symbol);
    }
    output.writeByte(symbol & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** Sets the distance; gives the length, or `undefined` at the end marker. */
  #match(position: number): number | undefined {
    const state = this.#state;
    const [first, second, third, fourth] = this.#repeats;
    if (this.#range.bit(this.#isRepeat, state) === 0) {
      const length = this.#matchLength.decode(this.#range, position);
      this.#state = state < 7 ? 7 : 10;
      const distance = this.#distance(length);
      if (distance === endMarker) return undefined;
      this.#repeats = [distance, first, second, third];
      return length + matchLengthMin;
    }
    if (this.#range.bit(this.#isRepeat0, state) === 0) {
      if (this.#range.bit(this.#isRepeat0Long, (state << 4) + position) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else if (this.#range.bit(this.#isRepeat1, state) === 0) {
      this.#repeats = [second, first, third, fourth];
    } else if (this.#range.bit(this.#isRepeat2, state) === 0) {
      this.#repeats = [third, first, second, fourth];
    } else this.#repeats = [fourth, first, second, third];
    const length = this.#repeatLength.decode(this.#range, position);
    this.#state = state < 7 ? 8 : 11;
    return length + matchLengthMin;
  }

  #distance(length: number): number {
    const lengthState = Math.min(length, lengthStates - 1);
    const slot = this.#range.tree(this.#slots, 6, lengthState << 6);
    if (slot < 4) return slot;
    const directBits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << directBits) >>> 0;
    if (slot < 14) {
      return base + this.#range.reverseTree(this.#positions, directBits, base - slot);
    }
    const high = this.#range.direct(directBits - 4) * 16;
    return (base + high + this.#range.reverseTree(this.#align, 4)) >>> 0;
  }

  #copy(length: number): void {
    const [distance] = this.#repeats;
    for (let left = length; left > 0; left -= 1) {
      this.#output.writeByte(this.#byteBack(distance));
    }
  }

  #byteBack(distance: number): number {
    const at = this.#output.length - distance - 1;
    if (at < 0) throw new Error("a distance leads before the beginning");
    return this.#output.byteAt(at);
  }
}
