import type { NamedValues } from "../../domain/request.ts";
import { Stack } from "./stack.ts";

interface Column {
  readonly cells: Stack;
  /** Rows that have a cell; `undefined` as long as all rows up to the last have one. */
  rows: number[] | undefined;
  /** The last of them. */
  last: number;
}

/** Rows as objects, taken apart into the columns that they have between them. */
export class Records {
  readonly #columns = new Map<string, Column>();
  /** How many columns there may be. */
  readonly max: number;
  #count = 0;

  constructor(columnsMax: number) {
    this.max = columnsMax;
  }

  /** How many rows have begun. */
  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count += 1;
  }

  /**
   * Where the next cell of the row goes, which is the one under `name`; `undefined` where it would
   * begin one column too many. Of two cells under one name the later counts.
   */
  cell(name: string): Stack | undefined {
    const row = this.#count - 1;
    const column = this.#columns.get(name);
    if (column === undefined) return this.#begin(name, row);
    if (column.last === row) column.cells.drop();
    else {
      if (column.rows === undefined && column.last !== row - 1) {
        column.rows = firstRows(column.last + 1);
      }
      column.rows?.push(row);
      column.last = row;
    }
    return column.cells;
  }

  #begin(name: string, row: number): Stack | undefined {
    if (this.#columns.size >= this.max) return undefined;
    const cells = new Stack();
    this.#columns.set(name, { cells, rows: row === 0 ? undefined : [row], last: row });
    return cells;
  }

  /** The first column that has cells of several shapes. */
  ragged(): { readonly name: string; readonly row: number } | undefined {
    for (const [name, { cells, rows }] of this.#columns) {
      const index = cells.ragged;
      if (index !== undefined) return { name, row: rows?.[index] ?? index };
    }
    return undefined;
  }

  columns(): NamedValues[] {
    return [...this.#columns].map(([name, { cells, rows, last }]) => {
      const whole = rows === undefined && last === this.#count - 1;
      const present = whole ? undefined : (rows ?? firstRows(last + 1));
      const { lengths } = cells;
      const values = cells.values();
      return { name, values, rows: present, ...(lengths === undefined ? {} : { lengths }) };
    });
  }
}

function firstRows(count: number): number[] {
  return Array.from({ length: count }, (_, row) => row);
}
