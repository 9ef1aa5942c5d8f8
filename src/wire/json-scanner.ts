import type { JsonError, JsonObject, JsonValue } from "./json.ts";
import { integerDigitsMax, jsonLiterals, tooManyDigits, unexpected } from "./json.ts";
import { longInteger, NumberReader, noNumber } from "./json-numbers.ts";
import { Refusal } from "./json-refusal.ts";

/** Takes the elements of an array, nested or not, in their order, instead of an array of them. */
export interface ArraySink {
  /** What stands for the array in the value that holds it. */
  readonly placeholder: JsonValue[];
  /** Whether numbers have to be right only once they are rounded to FP32. */
  readonly single: boolean;
  /** Told what is between the elements. Without it, all that is known of an object is `{}`. */
  readonly structure?: ArrayStructure;
  /** The next `count` elements. The run is used again after the call. */
  numbers(run: Float64Array, count: number): void;
  /** The next element, if it is no double. */
  value(value: JsonValue): void;
  /** All elements were given; the array's text is from `start` to before `end`. */
  end(start: number, end: number): void;
}

/** The brackets within an array, and the keys of the objects in it. */
export interface ArrayStructure {
  open(object: boolean): void;
  key(text: string): void;
  close(object: boolean): void;
}

/** For each open bracket from the outside, the key in an object, `undefined` in an array. */
export type JsonPath = readonly (string | undefined)[];

/** What is to become of a value; where it turns out to be no array, a sink is as "build". */
export type Claim = "build" | "skip" | ArraySink;

/** Asked for the text, and for each value of an object; `owner` is the object so far. */
export type Claims = (path: JsonPath, owner: JsonObject | undefined) => Claim;

type State = "value" | "firstItem" | "firstKey" | "key" | "colon" | "string" | "after" | "end";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const space = 0x20;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const letterU = 0x75;
/** The longest word that can be a value is `-Infinity`. */
const wordLengthMax = 9;

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;
const isLetter = (byte: number) => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;

/**
 * Reads what `parseJson` reads, and refuses it in the same words, but from valid UTF-8 instead of a
 * string, in steps, and without making arrays of what a sink takes or is skipped. Only numbers and
 * words are read in one go; a long string is put together over several steps.
 */
export class JsonScanner {
  readonly #bytes: Buffer;
  readonly #depthMax: number;
  readonly #claims: Claims;
  readonly #numbers: NumberReader;
  #at = 0;
  #state: State = "value";
  /** For each open bracket, whether it is an object's. */
  readonly #objects: boolean[] = [];
  /** What is being built, from the outside, and the keys in it. */
  readonly #built: (JsonObject | JsonValue[])[] = [];
  readonly #path: (string | undefined)[] = [];
  #value: JsonValue = null;
  /** The number of brackets that were open when skipping began, or −1. */
  #skipFrom = -1;
  /** The sink of the value that comes next, and then of the array that is open. */
  #claimed: ArraySink | undefined;
  #sink: ArraySink | undefined;
  #sinkFrom = 0;
  #sinkStart = 0;
  #stringStart = 0;
  #stringIsKey = false;
  #text = "";
  #refusal: Refusal | undefined;

  constructor(bytes: Buffer, depthMax: number, claims: Claims) {
    this.#bytes = bytes;
    this.#depthMax = depthMax;
    this.#claims = claims;
    this.#numbers = new NumberReader(bytes);
    this.#claim(undefined);
  }

  /** The whole value, once `step` has returned true. */
  get value(): JsonValue {
    return this.#value;
  }

  /** Reads about `bytesMax` bytes more; true when all is read. Throws JsonError. */
  step(bytesMax: number): boolean {
    if (this.#refusal !== undefined) {
      this.#refusal.step(bytesMax);
      return false;
    }
    const limit = Math.min(this.#bytes.length, this.#at + bytesMax);
    while (this.#at < limit && this.#refusal === undefined) this.#advance(limit);
    if (this.#refusal !== undefined || this.#at < this.#bytes.length) return false;
    if (this.#state === "end") return true;
    if (this.#state === "string") this.#refuseString();
    else this.#refuse(this.#expected());
    return false;
  }

  #advance(limit: number): void {
    if (this.#state === "string") {
      this.#string(limit);
      return;
    }
    const byte = this.#bytes[this.#at] ?? 0;
    if (isSpace(byte)) this.#at += 1;
    else if (this.#state === "value") this.#begin(byte, limit);
    else if (this.#state === "after") this.#after(byte);
    else if (this.#state === "firstItem") {
      if (byte === closeBracket) this.#close();
      else this.#begin(byte, limit);
    } else if (this.#state === "firstKey" && byte === closeBrace) this.#close();
    else if (this.#state === "colon" && byte === colon) {
      this.#at += 1;
      this.#state = "value";
      if (this.#building) this.#claim(this.#built.at(-1));
    } else if ((this.#state === "firstKey" || this.#state === "key") && byte === quote) {
      this.#beginString(true);
    } else this.#refuse(this.#expected());
  }

  get #building(): boolean {
    return this.#skipFrom < 0 && this.#sink === undefined;
  }

  #claim(owner: JsonObject | JsonValue[] | undefined): void {
    if (Array.isArray(owner)) return;
    const claim = this.#claims(this.#path, owner);
    if (claim === "skip") this.#skipFrom = this.#objects.length;
    this.#claimed = typeof claim === "string" ? undefined : claim;
  }

  #begin(byte: number, limit: number): void {
    if (byte === openBrace || byte === openBracket) this.#open(byte === openBrace);
    else if (byte === quote) this.#beginString(false);
    else if (!isDigit(byte) && byte !== minus) this.#word();
    else if (this.#sink === undefined || this.#skipFrom >= 0) this.#number();
    else if (this.#objects.at(-1)) this.#number();
    else this.#run(limit);
  }

  #open(object: boolean): void {
    if (this.#objects.length >= this.#depthMax) {
      this.#refuse("a value");
      return;
    }
    const sink = object ? undefined : this.#claimed;
    if (this.#building && sink === undefined) {
      // A prototype-free object: a key such as __proto__ is a key like any other.
      this.#built.push(object ? Object.create(null) : []);
      this.#path.push(undefined);
    } else if (this.#building) {
      this.#sink = sink;
      this.#sinkFrom = this.#objects.length;
      this.#sinkStart = this.#at;
      this.#numbers.single = sink?.single ?? false;
    } else if (this.#sink?.structure !== undefined) this.#between()?.open(object);
    else if (this.#skipFrom < 0 && object) {
      this.#give({});
      this.#skipFrom = this.#objects.length;
    }
    this.#claimed = undefined;
    this.#objects.push(object);
    this.#at += 1;
    this.#state = object ? "firstKey" : "firstItem";
  }

  #after(byte: number): void {
    const object = this.#objects.at(-1) ?? false;
    if (byte === comma) {
      this.#at += 1;
      this.#state = object ? "key" : "value";
    } else if (byte === (object ? closeBrace : closeBracket)) this.#close();
    else this.#refuse(this.#expected());
  }

  #close(): void {
    this.#at += 1;
    const object = this.#objects.pop() ?? false;
    this.#ended();
    const sink = this.#sink;
    if (this.#skipFrom >= 0) this.#skipped();
    else if (sink === undefined) {
      this.#path.pop();
      this.#attach(this.#built.pop() ?? null);
    } else if (this.#objects.length > this.#sinkFrom) this.#between()?.close(object);
    else {
      this.#flush(sink);
      this.#sink = undefined;
      this.#numbers.single = false;
      sink.end(this.#sinkStart, this.#at);
      this.#attach(sink.placeholder);
    }
  }

  #scalar(value: JsonValue): void {
    this.#claimed = undefined;
    this.#ended();
    if (this.#skipFrom >= 0) this.#skipped();
    else if (this.#sink === undefined) this.#attach(value);
    else this.#give(value);
  }

  #ended(): void {
    this.#state = this.#objects.length === 0 ? "end" : "after";
  }

  #skipped(): void {
    if (this.#objects.length === this.#skipFrom) this.#skipFrom = -1;
  }

  #attach(value: JsonValue): void {
    const owner = this.#built.at(-1);
    if (owner === undefined) this.#value = value;
    else if (Array.isArray(owner)) owner.push(value);
    else owner[this.#path.at(-1) ?? ""] = value;
  }

  #give(value: JsonValue): void {
    if (this.#sink === undefined) return;
    this.#flush(this.#sink);
    this.#sink.value(value);
  }

  /** Who is to be told of brackets and keys, having got all elements before. */
  #between(): ArrayStructure | undefined {
    const sink = this.#skipFrom < 0 ? this.#sink : undefined;
    if (sink?.structure !== undefined) this.#flush(sink);
    return sink?.structure;
  }

  #flush(sink: ArraySink): void {
    const { run, count } = this.#numbers;
    this.#numbers.count = 0;
    if (count > 0) sink.numbers(run, count);
  }

  /** Numbers of a sink for as long as one follows another. */
  #run(limit: number): void {
    const bytes = this.#bytes;
    const numbers = this.#numbers;
    let at = this.#at;
    do {
      const end = numbers.read(at);
      if (end < 0) break;
      at = end;
      if (numbers.full && this.#sink !== undefined) this.#flush(this.#sink);
      if (bytes[at] !== comma) {
        this.#at = at;
        this.#state = "after";
        return;
      }
      at += 1;
      if (bytes[at] === space) at += 1;
    } while (at < limit);
    if (at === this.#at) this.#number();
    else {
      this.#at = at;
      this.#state = "value";
    }
  }

  #number(): void {
    const start = this.#at;
    const end = this.#numbers.read(start);
    if (end === noNumber) this.#word();
    else if (end === longInteger) {
      this.#at = this.#numbers.end;
      // The time to make a bigint grows with the square of its digits.
      if (this.#at - start > integerDigitsMax) this.#refuseWith(tooManyDigits);
      else this.#scalar(BigInt(this.#bytes.toString("latin1", start, this.#at)));
    } else {
      this.#at = end;
      this.#scalar(this.#numbers.take());
    }
  }

  #word(): void {
    const bytes = this.#bytes;
    let end = this.#at + (bytes[this.#at] === minus ? 1 : 0);
    while (isLetter(bytes[end] ?? 0) && end - this.#at <= wordLengthMax) end += 1;
    const value = jsonLiterals.get(bytes.toString("latin1", this.#at, end));
    if (value === undefined) this.#refuse("a value");
    else {
      this.#at = end;
      this.#scalar(value);
    }
  }

  #beginString(isKey: boolean): void {
    this.#stringStart = this.#at;
    this.#stringIsKey = isKey;
    this.#text = "";
    this.#at += 1;
    this.#state = "string";
  }

  /** Goes on with a string, to its end or to the first character or escape beyond `limit`. */
  #string(limit: number): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let all = 0;
    let escapes = false;
    for (; at < limit; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === quote || byte < 0x20) break;
      all |= byte;
      if (byte !== backslash) continue;
      escapes = true;
      at += bytes[at + 1] === letterU ? 5 : 1;
    }
    while (((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1;
    const piece = decode(bytes.subarray(start, at), all >= 0x80, escapes);
    if (piece === undefined || (bytes[at] ?? 0) < 0x20) {
      this.#refuseString();
      return;
    }
    this.#text += piece;
    this.#at = at;
    if (bytes[at] !== quote) return;
    this.#at += 1;
    this.#endString();
  }

  #endString(): void {
    const text = this.#text;
    this.#text = "";
    if (!this.#stringIsKey) {
      this.#scalar(text);
      return;
    }
    this.#state = "colon";
    if (this.#building) this.#path[this.#path.length - 1] = text;
    else this.#between()?.key(text);
  }

  #expected(): string {
    switch (this.#state) {
      case "value":
      case "firstItem":
        return "a value";
      case "firstKey":
      case "key":
        return "a quoted key";
      case "colon":
        return "':'";
      case "after":
        return this.#objects.at(-1) ? "',' or '}'" : "',' or ']'";
      default:
        return "the end of the text";
    }
  }

  /** V8 would say where inside the string; its start is what a person looks for. */
  #refuseString(): void {
    this.#at = this.#stringStart;
    this.#refuse("a string without control characters or broken escapes");
  }

  #refuse(expected: string): void {
    this.#refuseWith((at, found) => unexpected(expected, at, found));
  }

  #refuseWith(describe: (at: number, found: string | undefined) => JsonError): void {
    const depth = { open: this.#objects.length, max: this.#depthMax };
    this.#refusal = new Refusal(this.#bytes, this.#at, depth, describe);
  }
}

/** A piece of a string between two characters; `undefined` where an escape in it is broken. */
function decode(bytes: Buffer, wide: boolean, escapes: boolean): string | undefined {
  const text = bytes.toString(wide ? "utf8" : "latin1");
  if (!escapes) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
