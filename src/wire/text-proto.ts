/**
 * The text format of protocol buffers (protobuf.dev/reference/protobuf/textformat-spec), as people
 * write it by hand: without a schema, so names and words stay as they are written.
 */

export type TextValue =
  | { readonly kind: "message"; readonly fields: TextMessage }
  | { readonly kind: "string"; readonly text: string }
  /** A number, `true`, or the name of an enum's value. */
  | { readonly kind: "word"; readonly text: string };

/** The values of each field, in the order in which they stand. */
export type TextMessage = ReadonlyMap<string, readonly TextValue[]>;

/** What is wrong with a text, and in which line (counted from 1). */
export class TextProtoError extends Error {
  override readonly name = "TextProtoError";
}

/** Throws TextProtoError, also where messages are nested deeper than `depthMax`. */
export function parseTextProto(text: string, depthMax: number): TextMessage {
  const parser = new Parser(text, depthMax);
  return parser.message(undefined, 0);
}

const closers: Readonly<Record<string, string>> = { "{": "}", "<": ">" };

type Token =
  | { readonly kind: "punctuation" | "word"; readonly text: string }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "end"; readonly text: "" };

class Parser {
  readonly #text: string;
  readonly #depthMax: number;
  #at = 0;
  #token: Token;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#token = this.#read();
  }

  /** The fields up to `closer`, or to the end. */
  message(closer: string | undefined, depth: number): TextMessage {
    if (depth > this.#depthMax) throw this.#error(`messages are nested ${depth} deep or more`);
    const fields = new Map<string, TextValue[]>();
    for (;;) {
      if (closer === undefined ? this.#token.kind === "end" : this.#is(closer)) break;
      const name = this.#name();
      const values = this.#values(depth);
      fields.set(name, [...(fields.get(name) ?? []), ...values]);
      if (this.#is(",") || this.#is(";")) this.#next();
    }
    if (closer !== undefined) this.#next();
    return fields;
  }

  #name(): string {
    if (this.#is("[")) {
      // An extension's or a type's name; it means nothing here, but its field has an end.
      this.#next();
      let name = "";
      while (!this.#is("]")) name += this.#next(`the end of the name [${name}`).text;
      this.#next();
      return `[${name}]`;
    }
    if (this.#token.kind !== "word" || !/^[A-Za-z_]/.test(this.#token.text)) {
      throw this.#expected("a field's name");
    }
    return this.#next().text;
  }

  #values(depth: number): TextValue[] {
    const colon = this.#is(":");
    if (colon) this.#next();
    if (this.#is("[")) return this.#list(depth);
    if (!colon && !this.#is("{") && !this.#is("<")) throw this.#expected("':' or '{'");
    return [this.#value(depth)];
  }

  #list(depth: number): TextValue[] {
    const values: TextValue[] = [];
    this.#next();
    while (!this.#is("]")) {
      values.push(this.#value(depth));
      if (this.#is(",")) this.#next();
      else if (!this.#is("]")) throw this.#expected("',' or ']'");
    }
    this.#next();
    return values;
  }

  #value(depth: number): TextValue {
    const { kind, text } = this.#token;
    const closer = kind === "punctuation" ? closers[text] : undefined;
    if (closer !== undefined) {
      this.#next();
      return { kind: "message", fields: this.message(closer, depth + 1) };
    }
    if (kind === "string") return { kind, text: this.#strings() };
    if (kind === "punctuation" && text === "-") {
      this.#next();
      return { kind: "word", text: `-${this.#word()}` };
    }
    return { kind: "word", text: this.#word() };
  }

  #word(): string {
    if (this.#token.kind !== "word") throw this.#expected("a value");
    return this.#next().text;
  }

  /** Strings side by side are one. */
  #strings(): string {
    let text = "";
    while (this.#token.kind === "string") text += this.#next().text;
    return text;
  }

  #is(text: string): boolean {
    return this.#token.kind === "punctuation" && this.#token.text === text;
  }

  /** The token that is there; the one after it takes its place. */
  #next(instead = "more"): Token {
    const token = this.#token;
    if (token.kind === "end") throw this.#expected(instead);
    this.#token = this.#read();
    return token;
  }

  #read(): Token {
    const blank = /(?:\s+|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    blank.exec(this.#text);
    this.#at = blank.lastIndex;
    const first = this.#text[this.#at];
    if (first === undefined) return { kind: "end", text: "" };
    if (first === '"' || first === "'") return { kind: "string", text: this.#quoted(first) };
    const word = /[A-Za-z0-9_.+]+(?:(?<=[0-9.][eE])-[0-9]+)?/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0];
    this.#at += found?.length ?? 1;
    return found === undefined
      ? { kind: "punctuation", text: first }
      : { kind: "word", text: found };
  }

  #quoted(quote: string): string {
    const start = this.#at;
    let end = start + 1;
    while (this.#text[end] !== quote) {
      if (end >= this.#text.length || this.#text[end] === "\n") {
        throw this.#error("a string has no end");
      }
      end += this.#text[end] === "\\" ? 2 : 1;
    }
    this.#at = end + 1;
    return unescaped(this.#text.slice(start + 1, end));
  }

  #expected(what: string): TextProtoError {
    const { kind, text } = this.#token;
    return this.#error(`expected ${what}, got ${kind === "end" ? "the end" : `'${text}'`}`);
  }

  #error(problem: string): TextProtoError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new TextProtoError(`line ${line}: ${problem}`);
  }
}

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Escapes stand for bytes, which together are UTF-8. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  const pattern = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|(.))|[^\\]+/gsu;
  const parts = [...text.matchAll(pattern)].map(([whole, hex, octal, unicode, other]) => {
    if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16));
    if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8) & 0xff);
    if (unicode !== undefined)
      return Buffer.from(String.fromCharCode(Number.parseInt(unicode, 16)));
    if (other !== undefined) return Buffer.from(escapes[other] ?? other);
    return Buffer.from(whole);
  });
  return Buffer.concat(parts).toString();
}
