import { assert } from "../domain/error.ts";
import type { Entry } from "./entry.ts";

/** First in, first out; any entry leaves in constant time. */
export class EntryQueue {
  readonly key: string;
  readonly generation: number;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #size = 0;
  #rows = 0;

  constructor(key: string, generation: number) {
    this.key = key;
    this.generation = generation;
  }

  /** Rows of all entries together. */
  get rows(): number {
    return this.#rows;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Entry | undefined {
    return this.#first;
  }

  push(entry: Entry): void {
    entry.previous = this.#last;
    entry.next = undefined;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size += 1;
    this.#rows += entry.rows;
  }

  remove(entry: Entry): void {
    assert(this.#size > 0, "an entry left an empty queue");
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
    this.#size -= 1;
    this.#rows -= entry.rows;
  }

  *[Symbol.iterator](): Generator<Entry> {
    let entry = this.#first;
    while (entry !== undefined) {
      // Taken before the caller can remove the entry.
      const { next } = entry;
      yield entry;
      entry = next;
    }
  }
}
