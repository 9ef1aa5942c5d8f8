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

const runLengthMax = 1_024;
/**
 * Digits are gathered in two halves of nine, so that each is a small integer and none becomes a
 * double before its value is known.
 */
const halfDigits = 9;
const headMax = 10 ** halfDigits;
/** The most digits before the point, and behind it, of a number that fits the first half. */
const shortWholeMax = 4;
const shortFractionMax = halfDigits - shortWholeMax;
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
  readonly run: Float64Array;
  count = 0;
  /** Where the last long integer ends. */
  end = 0;
  /** Whether numbers have to be right only once they are rounded to FP32. */
  single = false;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** The digits of the number that is read: `#head` · 10^`#tailDigits` + `#tail`, and others. */
  #head = 0;
  #tail = 0;
  #tailDigits = 0;
  #dropped = 0;
  #exponent = 0;
  #window = "";
  #windowStart = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    // A number and what parts it from the next take two bytes at least.
    this.run = new Float64Array(Math.min(runLengthMax, (bytes.length >>> 1) + 1));
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get full(): boolean {
    return this.count === this.run.length;
  }

  /** Takes the last number back out of the run. */
  take(): number {
    this.count -= 1;
    return this.run[this.count] ?? 0;
  }

  /** Puts the number at `start` into the run, which has room for it; returns where it ends. */
  read(start: number): number {
    const bytes = this.#bytes;
    const first = bytes[start] === minus ? start + 1 : start;
    let at = first;
    let value = 0;
    let digit = (bytes[at] ?? 0) - zero;
    while (digit >= 0 && digit <= 9) {
      if (at - first === halfDigits) return this.#whole(start, at, value);
      value = value * 10 + digit;
      at += 1;
      digit = (bytes[at] ?? 0) - zero;
    }
    const whole = at - first;
    if (whole === 0) return noNumber;
    if (whole > 1 && bytes[first] === zero) {
      // A zero is followed by no more digits of an integer.
      at = first + 1;
      value = 0;
    }
    let from = at;
    if (bytes[at] === point) {
      from += 1;
      // A point without a digit behind it does not belong to the number.
      if (!isDigit(bytes[from])) return this.#short(start, at, value, 0);
      if (whole > shortWholeMax) return this.#fraction(start, from, from, value);
      at = from;
      if (at < bytes.length - 4) {
        const four = fourDigits(this.#view.getInt32(at, true));
        if (four >= 0) {
          value = value * 10_000 + four;
          at += 4;
        }
      }
      digit = (bytes[at] ?? 0) - zero;
      while (digit >= 0 && digit <= 9) {
        if (at - from === shortFractionMax) return this.#fraction(start, from, at, value);
        value = value * 10 + digit;
        at += 1;
        digit = (bytes[at] ?? 0) - zero;
      }
    }
    if (((bytes[at] ?? 0) | lowerCase) === letterE) return this.#fraction(start, from, at, value);
    return this.#short(start, at, value, at - from);
  }

  #short(start: number, end: number, value: number, fraction: number): number {
    const number = fraction === 0 ? value : value / (powers[fraction] ?? 0);
    this.run[this.count] = this.#bytes[start] === minus ? -number : number;
    this.count += 1;
    return end;
  }

  /** Reads on in a number whose first nine digits, before a point, are `head`. */
  #whole(start: number, from: number, head: number): number {
    const bytes = this.#bytes;
    if (bytes[bytes[start] === minus ? start + 1 : start] === zero) {
      return this.#short(start, bytes[start] === minus ? start + 2 : start + 1, 0, 0);
    }
    this.#begin(head);
    const at = this.#gather(from);
    const more = bytes[at] === point && isDigit(bytes[at + 1]);
    if (more) return this.#end(start, this.#gather(at + 1), at + 1);
    const exponent = ((bytes[at] ?? 0) | lowerCase) === letterE && this.#exponentEnd(at) > at;
    if (exponent || this.#isSafe()) return this.#end(start, at, at);
    this.end = at;
    return longInteger;
  }

  /** Reads on in a number whose fraction begins at `from`, and whose digits so far are `head`. */
  #fraction(start: number, from: number, at: number, head: number): number {
    this.#begin(head);
    return this.#end(start, this.#gather(at), from);
  }

  #begin(head: number): void {
    this.#head = head;
    this.#tail = 0;
    this.#tailDigits = 0;
    this.#dropped = 0;
  }

  /** Takes the digits from `start` on; returns where they end. */
  #gather(start: number): number {
    const bytes = this.#bytes;
    const lastFour = bytes.length - 4;
    let head = this.#head;
    let tail = this.#tail;
    let tailDigits = this.#tailDigits;
    let at = start;
    while (head < headMax / 10_000 && at <= lastFour) {
      const four = fourDigits(this.#view.getInt32(at, true));
      if (four < 0) break;
      head = head * 10_000 + four;
      at += 4;
    }
    for (; head < headMax / 10 && isDigit(bytes[at]); at += 1) {
      head = head * 10 + (bytes[at] ?? 0) - zero;
    }
    while (head >= headMax / 10 && tailDigits <= halfDigits - 4 && at <= lastFour) {
      const four = fourDigits(this.#view.getInt32(at, true));
      if (four < 0) break;
      tail = tail * 10_000 + four;
      tailDigits += 4;
      at += 4;
    }
    for (; isDigit(bytes[at]); at += 1) {
      if (tailDigits < halfDigits) {
        tail = tail * 10 + (bytes[at] ?? 0) - zero;
        tailDigits += 1;
      } else this.#dropped += 1;
    }
    this.#head = head;
    this.#tail = tail;
    this.#tailDigits = tailDigits;
    return at;
  }

  #isSafe(): boolean {
    if (this.#dropped > 0) return false;
    return this.#head * (powers[this.#tailDigits] ?? 0) + this.#tail < exactIntegerMax;
  }

  /** Puts what was gathered before `digitsEnd`, its fraction from `from` on, into the run. */
  #end(start: number, digitsEnd: number, from: number): number {
    const bytes = this.#bytes;
    let scale = from - digitsEnd + this.#dropped;
    let end = digitsEnd;
    if (((bytes[end] ?? 0) | lowerCase) === letterE) {
      end = this.#exponentEnd(digitsEnd);
      if (end > digitsEnd) scale += this.#exponent;
    }
    const within = scale >= -powerMax && scale <= powerMax;
    const known = within && (this.single ? this.#putSingle(scale) : this.#putDouble(scale));
    if (!known) this.run[this.count] = Math.abs(Number(this.#text(start, end)));
    if (bytes[start] === minus) this.run[this.count] = -(this.run[this.count] ?? 0);
    this.count += 1;
    return end;
  }

  /** Puts a double into the run that rounds to the right FP32; false if that is not certain. */
  #putSingle(scale: number): boolean {
    const mantissa = this.#head * (powers[this.#tailDigits] ?? 0) + this.#tail;
    const near = scale < 0 ? mantissa / (powers[-scale] ?? 0) : mantissa * (powers[scale] ?? 0);
    this.run[this.count] = near;
    // The number lies between the two, so where they round to one FP32, it does as well.
    const low = Math.fround(near * (1 - doubt));
    return low === Math.fround(near * (1 + doubt)) && low < Number.POSITIVE_INFINITY;
  }

  /** Puts the right double into the run; false if it is not certain which. */
  #putDouble(scale: number): boolean {
    const tens = powers[this.#tailDigits] ?? 0;
    const product = this.#head * tens;
    const high = product + this.#tail;
    const at = scale < 0 ? -scale : scale;
    const power = powers[at] ?? 0;
    const near = scale < 0 ? high / power : high * power;
    this.run[this.count] = near;
    if (this.#dropped > 0) return false;
    if (high === 0 || (high < exactIntegerMax && at <= exactPowerMax)) return true;
    // What `near` lacks, in pairs of doubles.
    const low = productRest(this.#head, tens, product) + (this.#tail - (high - product));
    const powerRest = powerRests[at] ?? 0;
    let rest = productRest(high, power, near) + (high * powerRest + low * power);
    if (scale < 0) {
      const back = near * power;
      rest = (high - back - productRest(near, power, back) + low - near * powerRest) / power;
    }
    const doubted = near * pairDoubt;
    const value = near + (rest - doubted);
    this.run[this.count] = value;
    return value === near + (rest + doubted);
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

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= zero + 9;
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
