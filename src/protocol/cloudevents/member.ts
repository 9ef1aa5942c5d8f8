/**
 * Where the value of one member of a JSON object stands in its text, so that it can be read as a
 * body of its own, without a digit lost on the way. The text need not be valid JSON: what is found
 * in a text that is none will be refused by those who read it.
 */
export interface Member {
  readonly start: number;
  readonly end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;

/**
 * Finds the last member called `name` of the outermost object; yields after each `sliceBytes`.
 */
export function* findMember(
  text: Buffer,
  name: string,
  sliceBytes: number,
): Generator<void, Member | undefined> {
  const walk = new Walk(text, name);
  while (!walk.step(sliceBytes)) yield;
  return walk.found;
}

/** Goes through a text once, knowing of strings and brackets only. */
class Walk {
  found: Member | undefined;
  readonly #text: Buffer;
  readonly #name: string;
  #at = 0;
  #depth = 0;
  #inString = false;
  /** Where the last string of the outermost object began, and the value behind its colon. */
  #stringStart = 0;
  #stringEnd = 0;
  #valueStart = -1;

  constructor(text: Buffer, name: string) {
    this.#text = text;
    this.#name = name;
  }

  step(bytesMax: number): boolean {
    const limit = Math.min(this.#text.length, this.#at + bytesMax);
    while (this.#at < limit) {
      if (this.#inString) this.#string(limit);
      else this.#look(this.#text[this.#at] ?? 0);
    }
    return this.#at >= this.#text.length;
  }

  /** To the end of a string, or to `limit`. */
  #string(limit: number): void {
    const text = this.#text;
    let at = this.#at;
    for (; at < limit && text[at] !== quote; at += 1) {
      if (text[at] === backslash) at += 1;
    }
    this.#at = at + 1;
    if (at >= limit) this.#at = at;
    else {
      this.#inString = false;
      if (this.#depth === 1) this.#stringEnd = this.#at;
    }
  }

  #look(byte: number): void {
    const at = this.#at;
    this.#at += 1;
    if (byte === quote) {
      this.#inString = true;
      if (this.#depth === 1) this.#stringStart = at;
    } else if (byte === openBrace || byte === openBracket) this.#depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      this.#depth -= 1;
      if (this.#depth === 0) this.#endValue(at);
    } else if (this.#depth !== 1) return;
    else if (byte === colon) this.#valueStart = this.#isName() ? at + 1 : -1;
    else if (byte === comma) this.#endValue(at);
  }

  #endValue(end: number): void {
    if (this.#valueStart >= 0) this.found = { start: this.#valueStart, end };
    this.#valueStart = -1;
  }

  #isName(): boolean {
    const length = this.#stringEnd - this.#stringStart;
    // A name of this length could be written in escapes, of six bytes each.
    if (length < 0 || length > 6 * this.#name.length + 2) return false;
    const written = this.#text.toString("utf8", this.#stringStart, this.#stringEnd);
    try {
      return JSON.parse(written) === this.#name;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  }
}
