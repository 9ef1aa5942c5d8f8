import type { Scalar, Values } from "../../domain/request.ts";

const noDoubles = new Float64Array(0);
const capacityFirst = 16;

/**
 * Nested lists, one after another, stacked to an array without a datatype: all of them must have
 * the same shape. What is wrong is kept until all is known.
 */
export class Stack {
  #doubles = noDoubles;
  /** Instead of doubles, once there is something else. */
  #others: Scalar[] | undefined;
  #length = 0;
  /** Of the lists that are open, from the outside, how many items each has so far. */
  readonly #counts: number[] = [0];
  /** How many items a list of each level has. */
  #shape: number[] = [];
  /** The level of the lists that hold the elements. */
  #leaf = -1;
  /** Where the last item began, among the elements. */
  #lastFrom = 0;
  #ragged: number | undefined;
  /** Of flat lists, once one has another length than those before: each one's. */
  #lengths: number[] | undefined;

  /** How many items are stacked. */
  get count(): number {
    return this.#counts[0] ?? 0;
  }

  /** The first item that has another shape than those before it. */
  get ragged(): number | undefined {
    return this.#ragged;
  }

  /** How long each item is, where all are flat lists but not of one length. */
  get lengths(): readonly number[] | undefined {
    return this.#lengths;
  }

  /** The first item that differs in length from those before. */
  get uneven(): number | undefined {
    const index = this.#lengths?.findIndex((length) => length !== this.#lengths?.[0]) ?? -1;
    return index === -1 ? undefined : index;
  }

  /** A list begins. */
  open(): void {
    const level = this.#counts.length - 1;
    if (level === this.#leaf) this.#refuse(level);
    this.#add(level, 1);
    this.#counts.push(0);
  }

  close(): void {
    const count = this.#counts.pop() ?? 0;
    const level = this.#counts.length;
    this.#shape[level] ??= count;
    const same = this.#shape[level] === count;
    const flat = level === 1 && this.#leaf <= 1 && this.#shape.length === 2;
    if (!same && !flat) this.#refuse(level);
    else if (!same || this.#lengths !== undefined) this.#addLength(level, count);
  }

  numbers(run: Float64Array, count: number): void {
    if (this.#others !== undefined) {
      for (let index = 0; index < count; index += 1) this.value(run[index] ?? 0);
      return;
    }
    if (!this.#addLeaves(count)) return;
    this.#reserve(this.#length + count);
    this.#doubles.set(count === run.length ? run : run.subarray(0, count), this.#length);
    this.#length += count;
  }

  value(value: Scalar): void {
    if (!this.#addLeaves(1)) return;
    if (typeof value !== "number" || this.#others !== undefined) {
      this.#others ??= Array.from(this.#doubles.subarray(0, this.#length));
      this.#others.push(value);
    } else {
      this.#reserve(this.#length + 1);
      this.#doubles[this.#length] = value;
    }
    this.#length += 1;
  }

  /** Forgets the last item. */
  drop(): void {
    const count = this.count - 1;
    this.#counts[0] = count;
    this.#length = this.#lastFrom;
    if (this.#others !== undefined) this.#others.length = this.#length;
    if (this.#lengths !== undefined) this.#lengths.length = count;
    if (this.#ragged === count) this.#ragged = undefined;
    if (count > 0) return;
    this.#shape = [];
    this.#leaf = -1;
    this.#lengths = undefined;
  }

  /** All of it; where the lengths differ, as one list. */
  values(): Values {
    if (this.#lengths !== undefined) return { shape: [this.#length], elements: this.#elements() };
    const inner = this.#leaf === -1 ? this.#shape.slice(1) : this.#shape.slice(1, this.#leaf + 1);
    return { shape: [this.count, ...inner], elements: this.#elements() };
  }

  #elements(): Values["elements"] {
    return this.#others ?? this.#doubles.subarray(0, this.#length);
  }

  #addLength(level: number, count: number): void {
    this.#lengths ??= new Array<number>(this.count - 1).fill(this.#shape[level] ?? 0);
    this.#lengths.push(count);
  }

  #addLeaves(count: number): boolean {
    const level = this.#counts.length - 1;
    const shallow = this.#leaf === -1 && this.#shape.length > level + 1;
    if (shallow || (this.#leaf !== -1 && this.#leaf !== level)) this.#refuse(level);
    else this.#leaf = level;
    this.#add(level, count);
    return this.#ragged === undefined;
  }

  #add(level: number, count: number): void {
    this.#counts[level] = (this.#counts[level] ?? 0) + count;
    if (level === 0) this.#lastFrom = this.#length + (count - 1);
  }

  /** Something at `level` is not as before; at the outermost it is the item to come. */
  #refuse(level: number): void {
    this.#ragged ??= level === 0 ? this.count : this.count - 1;
  }

  #reserve(length: number): void {
    if (length <= this.#doubles.length) return;
    const grown = new Float64Array(Math.max(length, capacityFirst, 2 * this.#doubles.length));
    grown.set(this.#doubles.subarray(0, this.#length));
    this.#doubles = grown;
  }
}
