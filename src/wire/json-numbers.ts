/**
 * Numbers of a JSON text as doubles, read from its bytes without making strings of them. A value is
 * taken only where it is proven to be what `Number` of the text gives; else `Number` is asked.
 */

/** What `read` returns where no number begins. */
export const noNumber = -1;
/** What `read` returns for an integer that a double may not hold exactly; it ends at `end`. */
export const longInteger = -2;

const minus = 0x2d;
const plus = 0x2b;
const zero = 0x30;
const letterE = 0x65;
const lowerCase = 0x20;
const point = 0x2e;

const runLength = 1_024;
/** Digits go into a head until it is that large, then into a tail: both stay exact integers. */
const headMin = 1e11;
const tailDigitsMax = 15;
const exactIntegerMax = 2 ** 53;
/** Powers of ten up to here are exact, so one rounding gives the right value (Clinger 1990). */
const exactPowerMax = 22;
const powerMax = 60;
const powers = Float64Array.from({ length: powerMax + 1 }, (_, power) => Number(`1e${power}`));
/** What the powers lack to be exact. */
const powerRests = powers.map((power, of) => Number(10n ** BigInt(of) - BigInt(power)));
/** Far more than two sums, a power and a product can be off in doubles: 3 ulps of 2^-53. */
const doubt = 2 ** -46;
/** As much more than they can be off in pairs of doubles: a few of 2^-104. */
const pairDoubt = 2 ** -98;
/** Larger exponents are all the same. */
const exponentMax = 100_000;
const splitter = 2 ** 27 + 1;
const windowBytes = 64 * 1_024;

export class NumberReader {
  /** What was read since the run was last emptied. */
  readonly run = new Float64Array(runLength);
  count = 0;
  /** Where the last long integer ends. */
  end = 0;
  /** Whether numbers have to be right only once they are rounded to FP32. */
  single = false;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** The digits of the number that is read: `#head` · 10^`#tailDigits` + `#tail`. */
  #head = 0;
  #tail = 0;
  #tailDigits = 0;
  #exponent = 0;
  #window = "";
  #windowStart = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get full(): boolean {
    return this.count === runLength;
  }

  /** Takes the last number back out of the run. */
  take(): number {
    this.count -= 1;
    return this.run[this.count] ?? 0;
  }

  /** Puts the number at `start` into the run, which has room for it; returns where it ends. */
  read(start: number): number {
    const bytes = this.#bytes;
    let at = bytes[start] === minus ? start + 1 : start;
    const first = (bytes[at] ?? 0) - zero;
    if (first < 0 || first > 9) return noNumber;
    at += 1;
    this.#head = first;
    this.#tail = 0;
    this.#tailDigits = 0;
    // A zero is followed by no more digits of an integer.
    if (first !== 0) at = this.#gather(at);
    let scale = 0;
    let integer = true;
    if (bytes[at] === point) {
      const end = this.#gather(at + 1);
      // A point without a digit behind it does not belong to the number.
      if (end > at + 1) {
        scale = at + 1 - end;
        at = end;
        integer = false;
      }
    }
    if (((bytes[at] ?? 0) | lowerCase) === letterE) {
      const end = this.#exponentEnd(at);
      if (end > at) {
        scale += this.#exponent;
        at = end;
        integer = false;
      }
    }
    if (integer && !this.#isSafe()) {
      this.end = at;
      return longInteger;
    }
    this.#put(start, at, scale);
    return at;
  }

  /** Takes the digits from `at` on; returns where they end. */
  #gather(start: number): number {
    const bytes = this.#bytes;
    const lastFour = bytes.length - 4;
    let head = this.#head;
    let tail = this.#tail;
    let tailDigits = this.#tailDigits;
    let at = start;
    while (at <= lastFour && tailDigits + 4 <= tailDigitsMax) {
      const four = fourDigits(this.#view.getInt32(at, true));
      if (four < 0) break;
      if (head < headMin) head = head * 10_000 + four;
      else {
        tail = tail * 10_000 + four;
        tailDigits += 4;
      }
      at += 4;
    }
    for (;;) {
      const digit = (bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) break;
      if (head < headMin) head = head * 10 + digit;
      else {
        tail = tail * 10 + digit;
        tailDigits += 1;
      }
      at += 1;
    }
    this.#head = head;
    this.#tail = tail;
    this.#tailDigits = tailDigits;
    return at;
  }

  #isSafe(): boolean {
    if (this.#tailDigits > tailDigitsMax) return false;
    return this.#head * (powers[this.#tailDigits] ?? 0) + this.#tail < exactIntegerMax;
  }

  /** Puts what was gathered, times ten to the `scale`, into the run. */
  #put(start: number, end: number, scale: number): void {
    const tailDigits = this.#tailDigits;
    let value = Number.NaN;
    if (tailDigits <= tailDigitsMax && scale >= -powerMax && scale <= powerMax) {
      const mantissa = this.#head * (powers[tailDigits] ?? 0) + this.#tail;
      const power = powers[scale < 0 ? -scale : scale] ?? 0;
      const near = scale < 0 ? mantissa / power : mantissa * power;
      const exact = mantissa < exactIntegerMax && scale >= -exactPowerMax && scale <= exactPowerMax;
      if (exact || mantissa === 0) value = near;
      else if (this.single) {
        // The number lies between the two, so where they round to one FP32, it does as well.
        const low = Math.fround(near * (1 - doubt));
        if (low === Math.fround(near * (1 + doubt)) && low < Number.POSITIVE_INFINITY) value = near;
      } else value = this.#rounded(near, scale);
    }
    if (Number.isNaN(value)) value = Math.abs(Number(this.#text(start, end)));
    this.run[this.count] = this.#bytes[start] === minus ? -value : value;
    this.count += 1;
  }

  /**
   * The double nearest to what was gathered, times ten to the `scale`; NaN where a pair of doubles
   * is not enough to tell. Products and quotients in pairs: Dekker 1971.
   */
  #rounded(near: number, scale: number): number {
    const tens = powers[this.#tailDigits] ?? 0;
    const product = this.#head * tens;
    const high = product + this.#tail;
    const low = productRest(this.#head, tens, product) + (this.#tail - (high - product));
    const at = scale < 0 ? -scale : scale;
    const power = powers[at] ?? 0;
    const powerRest = powerRests[at] ?? 0;
    let rest: number;
    const times = near * power;
    if (scale < 0) {
      rest = (high - times - productRest(near, power, times) + low - near * powerRest) / power;
    } else rest = productRest(high, power, near) + (high * powerRest + low * power);
    const doubted = near * pairDoubt;
    const value = near + (rest - doubted);
    return value === near + (rest + doubted) ? value : Number.NaN;
  }

  /** The end of the exponent whose letter is at `at`, and its value; `at` where there is none. */
  #exponentEnd(at: number): number {
    const bytes = this.#bytes;
    const sign = bytes[at + 1];
    let end = at + (sign === minus || sign === plus ? 2 : 1);
    let digit = (bytes[end] ?? 0) - zero;
    if (digit < 0 || digit > 9) return at;
    let exponent = 0;
    while (digit >= 0 && digit <= 9) {
      if (exponent < exponentMax) exponent = exponent * 10 + digit;
      end += 1;
      digit = (bytes[end] ?? 0) - zero;
    }
    this.#exponent = sign === minus ? -exponent : exponent;
    return end;
  }

  /** A part of the text. Making one string for many parts is faster than one for each. */
  #text(start: number, end: number): string {
    const from = start - this.#windowStart;
    if (from >= 0 && end - this.#windowStart <= this.#window.length) {
      return this.#window.slice(from, end - this.#windowStart);
    }
    this.#window = this.#bytes.toString("latin1", start, Math.max(end, start + windowBytes));
    this.#windowStart = start;
    return this.#window.slice(0, end - start);
  }
}

/** What four characters are as a number, the first in the lowest byte; −1 if not all are digits. */
function fourDigits(four: number): number {
  const high = four & 0xf0f0f0f0;
  // Above 9 the sum has another high half; above 0xf9 the byte itself does.
  if ((high | (((four + 0x06060606) & 0xf0f0f0f0) >>> 4)) !== 0x33333333) return -1;
  const pairs = Math.imul(four & 0x0f0f0f0f, 2_561) >>> 8;
  return Math.imul(pairs & 0x00ff00ff, 6_553_601) >>> 16;
}

/** What `product`, which is a · b in doubles, lacks to be exact (Dekker 1971, Veltkamp's split). */
function productRest(a: number, b: number, product: number): number {
  const aScaled = a * splitter;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * splitter;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}
