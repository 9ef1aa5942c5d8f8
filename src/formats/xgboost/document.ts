import { FormatError } from "../error.ts";

/** A JSON or UBJSON document of XGBoost, with checked access. Numbers may stand as texts in it. */
export type Node =
  | null
  | boolean
  | number
  | string
  | Node[]
  | Map<string, Node>
  | ArrayLike<number>;

export class Document {
  readonly #node: Node;
  readonly #path: string;

  constructor(node: Node, path = "") {
    this.#node = node;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#node instanceof Map && this.#node.has(key);
  }

  at(key: string): Document {
    const found = this.#node instanceof Map ? this.#node.get(key) : undefined;
    if (found === undefined) throw this.#wrong(`has no ${key}`);
    return new Document(found, `${this.#path}/${key}`);
  }

  maybe(key: string): Document | undefined {
    return this.has(key) ? this.at(key) : undefined;
  }

  list(): Document[] {
    if (!Array.isArray(this.#node)) throw this.#wrong("is no list");
    return this.#node.map((one, at) => new Document(one, `${this.#path}/${at}`));
  }

  number(): number {
    const value = this.#node;
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number") return number;
    throw this.#wrong("is no number");
  }

  text(): string {
    if (typeof this.#node === "string") return this.#node;
    throw this.#wrong("is no text");
  }

  texts(): string[] {
    return this.list().map((one) => one.text());
  }

  /** Numbers and booleans of a list. */
  numbers(): ArrayLike<number> {
    const node = this.#node;
    if (ArrayBuffer.isView(node)) return node as unknown as ArrayLike<number>;
    if (!Array.isArray(node)) throw this.#wrong("is no list of numbers");
    return node.map((one) => {
      if (typeof one === "number") return one;
      if (typeof one === "boolean") return one ? 1 : 0;
      throw this.#wrong("is no list of numbers");
    });
  }

  #wrong(what: string): FormatError {
    return new FormatError(`no XGBoost model, or a damaged one: ${this.#path || "it"} ${what}`);
  }
}
