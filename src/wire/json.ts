/**
 * JSON as servers of tensors need it (RFC 8259, and two widenings): integers beyond 2^53 arrive as
 * bigints with every digit, and `NaN`, `Infinity`, `-Infinity` are numbers, as Python's encoder
 * writes them and Triton reads them.
 */

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** What is wrong with a text, and at which character (counted from 0). */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** The nesting went past the maximum. */
export class JsonDepthError extends JsonError {}

const quote = 0x22;
const backslash = 0x5c;

/**
 * Parses a text. Takes V8's parser where nothing can be lost by it, and the exact one below where
 * a number is long, or where V8 refuses (to say why, and to take the widenings).
 */
export function parseJson(text: string, depthMax: number): JsonValue {
  const exactNeeded = scan(text, depthMax);
  if (!exactNeeded) {
    try {
      // V8 returns nothing but JsonValue.
      return JSON.parse(text) as JsonValue;
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
    }
  }
  return new ExactParser(text).parse();
}

/** Checks the depth; says whether a run of 16 digits or more stands outside of strings. */
function scan(text: string, depthMax: number): boolean {
  let depth = 0;
  let digits = 0;
  let longNumber = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      digits += 1;
      if (digits >= 16) longNumber = true;
      continue;
    }
    digits = 0;
    if (code === quote) at = stringEnd(text, at);
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > depthMax) {
        throw tooDeep(depthMax, at);
      }
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return longNumber;
}

/** The index of the quote that closes the string opened at `at`, or the text's length. */
function stringEnd(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
/** An integer with more than this is beyond the range even of FP64. */
export const integerDigitsMax = 400;
export const jsonLiterals: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);
const literalPattern = /-?[A-Za-z]+/y;

class ExactParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected("the end of the text");
    return value;
  }

  #value(): JsonValue {
    this.#space();
    const first = this.#text[this.#at];
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    if (first === '"') return this.#string();
    const literal = this.#literal();
    return literal === undefined ? this.#number() : literal;
  }

  #object(): JsonObject {
    // A prototype-free object: a key such as __proto__ is a key like any other.
    const object: JsonObject = Object.create(null);
    this.#at += 1;
    if (this.#next("}")) return object;
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected("a quoted key");
      const key = this.#string();
      if (!this.#next(":")) throw this.#unexpected("':'");
      object[key] = this.#value();
    } while (this.#next(","));
    if (!this.#next("}")) throw this.#unexpected("',' or '}'");
    return object;
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    this.#at += 1;
    if (this.#next("]")) return array;
    do array.push(this.#value());
    while (this.#next(","));
    if (!this.#next("]")) throw this.#unexpected("',' or ']'");
    return array;
  }

  #string(): string {
    const end = stringEnd(this.#text, this.#at);
    const source = this.#text.slice(this.#at, end + 1);
    try {
      const value: unknown = JSON.parse(source);
      this.#at = end + 1;
      return String(value);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // V8 says where inside the string; the start of the string is what a person looks for.
      throw this.#unexpected("a string without control characters or broken escapes");
    }
  }

  #literal(): JsonValue | undefined {
    literalPattern.lastIndex = this.#at;
    const word = literalPattern.exec(this.#text)?.[0];
    if (word === undefined) return undefined;
    const value = jsonLiterals.get(word);
    if (value === undefined) throw this.#unexpected("a value");
    this.#at += word.length;
    return value;
  }

  #number(): number | bigint {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) throw this.#unexpected("a value");
    const [source, fraction, exponent] = match;
    this.#at += source.length;
    const value = Number(source);
    const integer = fraction === undefined && exponent === undefined;
    if (!integer || Number.isSafeInteger(value)) return value;
    // The time to make a bigint grows with the square of its digits.
    if (source.length <= integerDigitsMax) return BigInt(source);
    throw tooManyDigits(this.#at);
  }

  #next(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
  }

  #unexpected(expected: string): JsonError {
    return unexpected(expected, this.#at, this.#text[this.#at]);
  }
}

/** What was expected at which character, and what is there; `undefined` is the text's end. */
export function unexpected(expected: string, at: number, found: string | undefined): JsonError {
  const what = found === undefined ? "the text ends" : `found ${JSON.stringify(found)}`;
  return new JsonError(`expected ${expected} at character ${at}, but ${what}`);
}

export function tooDeep(depthMax: number, at: number): JsonDepthError {
  return new JsonDepthError(
    `JSON nesting depth exceeds maximum allowed limit (${depthMax}) at character ${at}`,
  );
}

export function tooManyDigits(end: number): JsonError {
  return new JsonError(`a number of more than ${integerDigitsMax} digits before character ${end}`);
}
