import { FormatError } from "../error.ts";
import type { Node } from "./document.ts";

/** JSON as XGBoost writes it: with bare NaN and infinities. Nesting is bounded. */
export function parseXgboostJson(text: string): Node {
  const parser = new Parser(text);
  return parser.document();
}

const nestingMax = 100;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Node {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#wrong();
    return value;
  }

  #value(depth: number): Node {
    if (depth > nestingMax) throw new FormatError("the JSON is nested too deep");
    this.#space();
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    return this.#literal();
  }

  #object(depth: number): Node {
    const entries = new Map<string, Node>();
    this.#at += 1;
    this.#space();
    if (this.#taken("}")) return entries;
    for (;;) {
      this.#space();
      const key = this.#string();
      this.#space();
      if (!this.#taken(":")) throw this.#wrong();
      entries.set(key, this.#value(depth + 1));
      this.#space();
      if (this.#taken("}")) return entries;
      if (!this.#taken(",")) throw this.#wrong();
    }
  }

  #array(depth: number): Node {
    const items: Node[] = [];
    this.#at += 1;
    this.#space();
    if (this.#taken("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#taken("]")) return items;
      if (!this.#taken(",")) throw this.#wrong();
    }
  }

  #string(): string {
    stringAt.lastIndex = this.#at;
    const match = stringAt.exec(this.#text);
    if (match === null) throw this.#wrong();
    this.#at = stringAt.lastIndex;
    try {
      return String(JSON.parse(match[0]));
    } catch {
      throw this.#wrong();
    }
  }

  #literal(): Node {
    literalAt.lastIndex = this.#at;
    const match = literalAt.exec(this.#text);
    if (match === null) throw this.#wrong();
    this.#at = literalAt.lastIndex;
    const [word] = match;
    switch (word) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      case "NaN":
        return Number.NaN;
      default:
        return Number(word);
    }
  }

  #taken(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #wrong(): FormatError {
    return new FormatError(`the JSON is damaged at character ${this.#at}`);
  }
}

const stringAt = /"(?:[^"\\]|\\.)*"/suy;
const literalAt = /true|false|null|NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
