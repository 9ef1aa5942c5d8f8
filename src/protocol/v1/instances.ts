import { stringProblem } from "../../domain/elements.ts";
import { assert, invalid } from "../../domain/error.ts";
import { columnsMax } from "../../domain/limits.ts";
import type { Inputs, Values } from "../../domain/request.ts";
import { clip } from "../../domain/text.ts";
import type { JsonValue } from "../../wire/json.ts";
import type { ArraySink, ArrayStructure } from "../../wire/json-scanner.ts";
import { checkedName } from "../checks.ts";
import { base64Key, base64Text } from "./base64.ts";
import { Records } from "./records.ts";
import { Stack } from "./stack.ts";

/**
 * What is open in the list: a list of values, one of objects that are rows, or one of which nothing
 * is known yet; a row; or an object that may be one, or a string in base64.
 */
type Place = "values" | "frame" | "list" | "row" | "object";

/**
 * V1's `instances`, as TF-Serving and KServe's servers of tables have them between them: values or
 * lists of values, which are stacked; an object for each row; or lists of such objects. Wherever a
 * value may be, {"b64": "…"} is a string. What is wrong is kept until the text has been read.
 */
export class Instances implements ArraySink, ArrayStructure {
  readonly placeholder: JsonValue[] = [];
  readonly single = false;
  readonly structure = this;
  readonly #what: string;
  readonly #rowsAllowed: boolean;
  readonly #bare = new Stack();
  readonly #records: Records;
  readonly #places: Place[] = [];
  #form: "values" | "objects" | "lists of objects" | undefined;
  #problem: string | undefined;
  /** Where the next value of the open row goes. */
  #cell: Stack | undefined;
  /** Of the open object: whether it came where a row may be, and what is known of it. */
  #mayBeRow = false;
  #base64: "none" | "key" | "text" = "none";
  #text = "";

  /** `what` is the key that the list stands under; `rowsAllowed`: whether objects may be rows. */
  constructor(what: string, rowsAllowed: boolean, namesMax = columnsMax) {
    this.#what = what;
    this.#rowsAllowed = rowsAllowed;
    this.#records = new Records(namesMax);
  }

  numbers(run: Float64Array, count: number): void {
    this.#beginValue()?.numbers(run, count);
  }

  value(value: JsonValue): void {
    assert(value === null || typeof value !== "object", "a bracket was given as a value");
    if (this.#problem !== undefined) return;
    if (typeof value === "string") {
      if (this.#places.at(-1) === "object" && this.#base64 === "key") {
        this.#base64 = "text";
        this.#text = value;
        return;
      }
      this.#problem = stringProblem(value, `"${this.#what}"`);
    }
    this.#beginValue()?.value(value);
  }

  open(object: boolean): void {
    if (this.#problem !== undefined) return;
    const place = this.#places.at(-1);
    if (object) {
      if (place === "object") this.#becomeRow();
      this.#mayBeRow =
        this.#rowsAllowed && (place === undefined || place === "list" || place === "frame");
      this.#base64 = "none";
      this.#places.push("object");
    } else if (place === undefined && this.#rowsAllowed) this.#places.push("list");
    else {
      this.#beginValue()?.open();
      this.#places.push("values");
    }
  }

  key(text: string): void {
    if (this.#problem !== undefined) return;
    if (this.#places.at(-1) === "object") {
      if (this.#base64 === "none" && text === base64Key) {
        this.#base64 = "key";
        return;
      }
      this.#becomeRow();
    }
    this.#beginCell(text);
  }

  close(object: boolean): void {
    if (this.#problem !== undefined) return;
    if (object) {
      this.#closeObject();
      return;
    }
    // Nothing was in it.
    if (this.#places.at(-1) === "list") this.#beginValue();
    if (this.#places.pop() === "values") (this.#cell ?? this.#bare).close();
  }

  end(): void {}

  /** The rows, once the list has ended. Throws `invalid-request`. */
  rows(): Extract<Inputs, { kind: "rows" }> {
    if (this.#form === "values") {
      const values = this.values();
      return { kind: "rows", count: this.#bare.count, values, framed: false };
    }
    this.#check(this.#records.ragged());
    if (this.#form === undefined)
      throw invalid(`"${this.#what}" is empty; expected a row at least`);
    const values = this.#records.columns();
    for (const { name } of values) checkedName(name, `a value in "${this.#what}"`);
    const framed = this.#form === "lists of objects";
    return { kind: "rows", count: this.#records.count, values, framed };
  }

  /** The list itself as an array. Throws `invalid-request`. */
  values(): Values {
    const row = this.#bare.ragged ?? this.#bare.uneven;
    this.#check(row === undefined ? undefined : { row });
    return this.#bare.values();
  }

  #check(ragged: { readonly row: number; readonly name?: string } | undefined): void {
    if (this.#problem !== undefined) throw invalid(this.#problem);
    if (ragged === undefined) return;
    const { row, name } = ragged;
    const what = name === undefined ? `element ${row}` : `'${clip(name)}' of element ${row}`;
    throw invalid(
      `all of "${this.#what}" must have the same shape, but ${what} has another than those before`,
    );
  }

  /** A value comes, or a list of values: where to. */
  #beginValue(): Stack | undefined {
    if (this.#problem !== undefined) return undefined;
    const place = this.#places.at(-1);
    if (place === "frame") {
      this.#mixed();
      return undefined;
    }
    if (place === undefined || place === "list") this.#note("values");
    if (place === "list") {
      this.#places[this.#places.length - 1] = "values";
      this.#bare.open();
    }
    if (place === "object") this.#becomeRow();
    return this.#problem === undefined ? (this.#cell ?? this.#bare) : undefined;
  }

  /** The object that has just been found to be no string in base64. */
  #becomeRow(): void {
    if (!this.#mayBeRow) {
      this.#problem = `"${this.#what}" holds an object where a value is expected`;
      return;
    }
    const inList = this.#places.length > 1;
    this.#places[this.#places.length - 1] = "row";
    if (inList) this.#places[this.#places.length - 2] = "frame";
    this.#note(inList ? "lists of objects" : "objects");
    this.#records.begin();
    if (this.#base64 === "none") return;
    this.#beginCell(base64Key);
    if (this.#base64 === "text") this.#cell?.value(this.#text);
  }

  #beginCell(name: string): void {
    if (this.#problem !== undefined) return;
    this.#cell = this.#records.cell(name);
    if (this.#cell !== undefined) return;
    this.#problem = `"${this.#what}" has values under more than ${this.#records.max} names`;
  }

  #closeObject(): void {
    const place = this.#places.at(-1);
    if (place === "object" && this.#base64 === "text") {
      this.#places.pop();
      this.#giveBase64();
      return;
    }
    if (place === "object") this.#becomeRow();
    this.#places.pop();
    this.#cell = undefined;
  }

  #giveBase64(): void {
    const text = base64Text(this.#text);
    if (text !== undefined) this.value(text);
    else this.#problem = `"${this.#what}" holds a string that is not UTF-8 in base64`;
  }

  #note(form: "values" | "objects" | "lists of objects"): void {
    this.#form ??= form;
    if (this.#form !== form) this.#mixed();
  }

  #mixed(): void {
    this.#problem ??= `"${this.#what}" must be all values, all objects or all lists of objects`;
  }
}
