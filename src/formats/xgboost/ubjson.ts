import { FormatError } from "../error.ts";
import type { Node } from "./document.ts";

/** Universal Binary JSON (ubjson.org, draft 12) as XGBoost writes it: big-endian. */
export function parseUbjson(bytes: Uint8Array): Node {
  return new Parser(bytes).value(0);
}

const nestingMax = 100;
const sizes: Readonly<Record<string, number>> = { i: 1, U: 1, I: 2, l: 4, L: 8, d: 4, D: 8 };

class Parser {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number, marker = this.#marker()): Node {
    if (depth > nestingMax) throw new FormatError("the UBJSON is nested too deep");
    switch (marker) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case "S":
        return this.#text();
      case "T":
        return true;
      case "F":
        return false;
      case "Z":
        return null;
      case "C":
        return String.fromCharCode(this.#number("U"));
      default:
        return this.#number(marker);
    }
  }

  #object(depth: number): Node {
    const entries = new Map<string, Node>();
    const count = this.#count();
    for (let at = 0; count === undefined || at < count; at += 1) {
      if (count === undefined && this.#peek() === "}") {
        this.#at += 1;
        break;
      }
      const key = this.#text();
      entries.set(key, this.value(depth + 1));
    }
    return entries;
  }

  #array(depth: number): Node {
    let type: string | undefined;
    if (this.#peek() === "$") {
      this.#at += 1;
      type = this.#marker();
    }
    const count = this.#count();
    if (type !== undefined) return this.#typed(type, count ?? 0);
    const items: Node[] = [];
    for (let at = 0; count === undefined || at < count; at += 1) {
      if (count === undefined && this.#peek() === "]") {
        this.#at += 1;
        break;
      }
      items.push(this.value(depth + 1));
    }
    return items;
  }

  /** Numbers of one type, one after the other. */
  #typed(type: string, count: number): Node {
    const size = sizes[type];
    if (size === undefined) throw damaged();
    this.#require(count * size);
    const values = new Float64Array(count);
    for (let at = 0; at < count; at += 1) values[at] = this.#number(type);
    return values;
  }

  /** `undefined` where the end is marked instead. */
  #count(): number | undefined {
    if (this.#peek() !== "#") return undefined;
    this.#at += 1;
    return this.#length();
  }

  #length(): number {
    const length = this.#number(this.#marker());
    if (!Number.isSafeInteger(length) || length < 0) throw damaged();
    this.#require(length);
    return length;
  }

  #text(): string {
    const length = this.#length();
    const text = this.#bytes.toString("utf8", this.#at, this.#at + length);
    this.#at += length;
    return text;
  }

  #number(type: string): number {
    const size = sizes[type];
    if (size === undefined) throw damaged();
    this.#require(size);
    const at = this.#at;
    const view = this.#view;
    this.#at += size;
    switch (type) {
      case "i":
        return view.getInt8(at);
      case "U":
        return view.getUint8(at);
      case "I":
        return view.getInt16(at);
      case "l":
        return view.getInt32(at);
      case "L":
        return Number(view.getBigInt64(at));
      case "d":
        return view.getFloat32(at);
      default:
        return view.getFloat64(at);
    }
  }

  #marker(): string {
    this.#require(1);
    const marker = String.fromCharCode(this.#view.getUint8(this.#at));
    this.#at += 1;
    // A no-op.
    return marker === "N" ? this.#marker() : marker;
  }

  #peek(): string {
    this.#require(1);
    return String.fromCharCode(this.#view.getUint8(this.#at));
  }

  #require(count: number): void {
    if (count > this.#view.byteLength - this.#at) throw damaged();
  }
}

function damaged(): FormatError {
  return new FormatError("the UBJSON is cut off or damaged");
}
