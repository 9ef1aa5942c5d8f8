import { bytesPerElement, type Datatype } from "../../domain/datatype.ts";
import { badElement, type ElementStore, storeOf } from "../../domain/elements.ts";
import { assert, invalid } from "../../domain/error.ts";
import { elementCount, type Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import type { JsonValue } from "../../wire/json.ts";
import type { TensorHead } from "../checks.ts";
import { stringCountError } from "./raw.ts";

/**
 * The elements of a tensor in the making, one by one or in runs. What is wrong with them is kept
 * until the tensor's head is known, since much else of a request is judged before its elements.
 */
export class Elements {
  /** How many elements were given, be they good or not. */
  #given = 0;
  #bad: { readonly index: number; readonly value: JsonValue } | undefined;
  readonly #datatype: Datatype;
  /** Elements from here on are counted only: they are more than the shape has. */
  readonly #bound: number;
  #store: ElementStore;

  /** `sure`: of how many elements it is known that they will come. */
  constructor(datatype: Datatype, bound: number, sure = 0) {
    this.#datatype = datatype;
    this.#bound = bound;
    this.#store = storeOf(datatype, Math.min(sure, bound));
  }

  /** The next elements. */
  numbers(run: Float64Array, count: number): void {
    const start = this.#given;
    this.#given += count;
    if (this.#bad !== undefined) return;
    const end = Math.min(this.#given, this.#bound);
    this.#reserve(end);
    const { set } = this.#store;
    for (let index = start; index < end; index += 1) {
      const value = run[index - start] ?? 0;
      if (set(index, value)) continue;
      this.#fail(index, value);
      return;
    }
  }

  /** The next element. */
  value(value: JsonValue): void {
    const index = this.#given;
    this.#given += 1;
    if (this.#bad !== undefined || index >= this.#bound) return;
    this.#reserve(this.#given);
    if (!this.#store.set(index, value)) this.#fail(index, value);
  }

  /** The tensor. Throws `invalid-request` where elements, their number and the head do not fit. */
  tensor(head: TensorHead): Tensor {
    const { name, datatype, shape } = head;
    const count = elementCount(shape, name);
    assert(datatype === this.#datatype && count <= this.#bound, "elements of another tensor");
    if (datatype !== "BYTES" && this.#given < count) throw tooFew(head, this.#given);
    if (this.#bad !== undefined && this.#bad.index < count) {
      throw badElement(head, this.#bad.index, this.#bad.value);
    }
    if (this.#given > count) throw tooMany(head);
    if (datatype !== "BYTES") {
      const bytes = this.#store.bytes.subarray(0, count * bytesPerElement(datatype));
      return { name, datatype, shape, bytes };
    }
    if (this.#given < count) throw stringCountError(name, head.model, count, this.#given);
    return { name, datatype, shape, strings: this.#store.strings };
  }

  /** Room grows with the elements that came, not with those that a shape claims. */
  #reserve(count: number): void {
    const { bytes, capacity } = this.#store;
    if (count <= capacity) return;
    const store = storeOf(this.#datatype, Math.min(this.#bound, Math.max(count, 2 * capacity)));
    store.bytes.set(bytes);
    this.#store = store;
  }

  /** Nothing becomes of the others. */
  #fail(index: number, value: JsonValue): void {
    this.#bad = { index, value };
    this.#store = storeOf(this.#datatype, 0);
  }
}

function tooFew(head: TensorHead, got: number): Error {
  return invalid(
    `Failed to parse 'data' field: shape does not match true shape of 'data' field: input ` +
      `'${clip(head.name)}' has shape [${head.shape.join(",")}], but ${got} elements`,
  );
}

function tooMany(head: TensorHead): Error {
  return invalid(
    `Unable to parse 'data': Shape does not match true shape of 'data' field: input ` +
      `'${clip(head.name)}' has shape [${head.shape.join(",")}], but more elements`,
  );
}
