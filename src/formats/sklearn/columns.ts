import type { Feed, TableColumn } from "../../domain/model.ts";
import { FormatError } from "../error.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";

/** The columns that an estimator is given: of the request's table, or computed before it. */

export interface Column {
  readonly block: Block;
  readonly index: number;
}

/** A matrix [N, width] of the graph, or the table itself. */
export type Block = TableBlock | Computed;

interface Computed {
  readonly value: Value;
  readonly width: number;
  /** Numbers that the library holds in single precision: it computes with them in it. */
  readonly single?: boolean;
}

export type Takes = "finite" | "missing" | "any";

/** The request's table, whose columns are numbers or text as the estimators ask for them. */
export class TableBlock {
  readonly width: number;
  readonly names: readonly string[] | undefined;
  readonly #types: ("number" | "text" | undefined)[];
  readonly #takes: Takes[];
  readonly #missing: (string | undefined)[];
  readonly #uses: { readonly columns: readonly number[]; readonly indices: BigInt64Array }[] = [];

  constructor(width: number, names: readonly string[] | undefined) {
    this.width = width;
    this.names = names;
    this.#types = Array.from({ length: width });
    this.#takes = Array.from({ length: width }, () => "any" as const);
    this.#missing = Array.from({ length: width });
  }

  all(): Column[] {
    return Array.from({ length: this.width }, (_, index) => ({ block: this, index }));
  }

  numbers(graph: GraphBuilder, columns: readonly number[]): Value {
    for (const column of columns) this.#is(column, "number");
    // Where all are asked for in order they are the whole input.
    const whole = columns.length === this.width && columns.every((of, at) => of === at);
    return whole ? numbersName : this.#chosen(graph, numbersName, columns);
  }

  text(graph: GraphBuilder, column: number): Value {
    this.#is(column, "text");
    return this.#chosen(graph, textsName, [column]);
  }

  /** Missing values are refused, or let through, by who uses a column first. */
  restrict(column: number, takes: Takes): void {
    const order: readonly Takes[] = ["finite", "missing", "any"];
    const now = this.#takes[column] ?? "any";
    if (order.indexOf(takes) < order.indexOf(now)) this.#takes[column] = takes;
  }

  /** What stands for a missing text. */
  fill(column: number, text: string): void {
    this.#missing[column] ??= text;
  }

  #is(column: number, type: "number" | "text"): void {
    const known = this.#types[column];
    if (known !== undefined && known !== type) {
      throw new FormatError(`column ${column} is used as text and as numbers`);
    }
    this.#types[column] = type;
  }

  #chosen(graph: GraphBuilder, source: Value, columns: readonly number[]): Value {
    const indices = new BigInt64Array(columns.length);
    this.#uses.push({ columns, indices });
    return graph.gather(source, graph.lateInts(indices), 1);
  }

  /** Declares the graph's inputs, once all uses are known. */
  finish(graph: GraphBuilder): { columns: TableColumn[]; feeds: Feed[] } {
    const numbers = this.#ofType("number");
    const texts = this.#ofType("text");
    const places = new Map([...numbers.entries(), ...texts.entries()].map(([at, of]) => [of, at]));
    for (const { columns, indices } of this.#uses) {
      for (const [at, column] of columns.entries()) indices[at] = BigInt(places.get(column) ?? 0);
    }
    const feeds: Feed[] = [];
    if (numbers.length > 0) {
      graph.input(numbersName, "FP64", [-1, numbers.length]);
      feeds.push({ name: numbersName, datatype: "FP64", columns: numbers });
    }
    if (texts.length > 0) {
      graph.input(textsName, "BYTES", [-1, texts.length]);
      feeds.push({ name: textsName, datatype: "BYTES", columns: texts });
    }
    return { columns: this.#columns(), feeds };
  }

  #columns(): TableColumn[] {
    return this.#types.map((type, index) => {
      const name = this.names?.[index];
      return type === "text"
        ? { type, name, missing: this.#missing[index] }
        : { type: "number", name, takes: this.#takes[index] ?? "any" };
    });
  }

  #ofType(type: "number" | "text"): number[] {
    return [...this.#types.keys()].filter((index) => this.#types[index] === type);
  }
}

const numbersName = "numbers";
const textsName = "texts";

/** The columns of a computed matrix. */
export function columnsOf(value: Value, width: number, single = false): Column[] {
  const block = { value, width, single };
  return Array.from({ length: width }, (_, index) => ({ block, index }));
}

/** Whether all are numbers in single precision. */
export function areSingle(columns: readonly Column[]): boolean {
  return columns.every(({ block }) => !(block instanceof TableBlock) && block.single === true);
}

/** Columns as one matrix of doubles, [N, k]. */
export function matrixOf(graph: GraphBuilder, columns: readonly Column[]): Value {
  const parts: Value[] = [];
  for (let from = 0; from < columns.length; ) {
    const block = columns[from]?.block;
    let to = from;
    while (to < columns.length && columns[to]?.block === block) to += 1;
    if (block !== undefined) {
      const indices = columns.slice(from, to).map(({ index }) => index);
      parts.push(partOf(graph, block, indices));
    }
    from = to;
  }
  if (parts.length === 0) throw new FormatError("a step of the model is given no columns");
  return graph.concat(parts);
}

function partOf(graph: GraphBuilder, block: Block, indices: readonly number[]): Value {
  if (block instanceof TableBlock) return block.numbers(graph, indices);
  const whole = indices.length === block.width && indices.every((of, at) => of === at);
  return whole ? block.value : graph.columns(block.value, indices);
}

/** A column of text, [N, 1]. */
export function textOf(graph: GraphBuilder, { block, index }: Column): Value {
  if (block instanceof TableBlock) return block.text(graph, index);
  throw new FormatError("a step of the model expects text where numbers come before it");
}

/** Says of table columns which missing values their first user takes. */
export function restrict(columns: readonly Column[], takes: Takes): void {
  for (const { block, index } of columns) {
    if (block instanceof TableBlock) block.restrict(index, takes);
  }
}
