import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import { intOf } from "../pickle/numpy.ts";
import type { NdArray, PyObject, PyValue } from "../pickle/values.ts";
import { denseOf } from "./sparse.ts";

/** Numbers of any type as doubles, in row-major order. */
export interface Doubles {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

const versionAttribute = "_sklearn_version";

/**
 * A fitted estimator's attributes, each read with the type that it has to have. Throws FormatError,
 * which names the class and the attribute.
 */
export class Attributes {
  readonly object: PyObject;

  constructor(object: PyObject) {
    this.object = object;
  }

  static of(value: PyValue | undefined, what: string): Attributes {
    if (typeof value === "object" && value?.kind === "object") return new Attributes(value);
    throw new FormatError(`${what} is no estimator`);
  }

  /** The estimator that an item is, or has behind its name, as a pipeline's steps do. */
  static inside(item: PyValue | undefined): Attributes | undefined {
    const value = typeof item === "object" && item?.kind === "tuple" ? item.items[1] : item;
    return typeof value === "object" && value?.kind === "object"
      ? new Attributes(value)
      : undefined;
  }

  /** The class's name. */
  get name(): string {
    return this.object.type.name;
  }

  get module(): string {
    return this.object.type.module;
  }

  /** The release that it was saved with, as 1.002 for 1.2; 0 where it does not say. */
  get release(): number {
    const version = this.object.attributes.get(versionAttribute);
    const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(String(version)) ?? [];
    return Number(major) + Number(minor) / 1_000;
  }

  has(name: string): boolean {
    return this.object.attributes.has(name);
  }

  /** The value, where it is there and not None. */
  get(...names: readonly string[]): Exclude<PyValue, null> | undefined {
    for (const name of names) {
      const value = this.object.attributes.get(name);
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  number(...names: readonly string[]): number {
    return this.maybeNumber(...names) ?? this.#missing(names, "a number");
  }

  maybeNumber(...names: readonly string[]): number | undefined {
    const value = this.get(...names);
    if (value === undefined) return undefined;
    if (typeof value === "number") return value;
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "boolean") return value ? 1 : 0;
    if (typeof value === "object" && value.kind === "array") {
      const { values } = doublesOf(value, this, names[0] ?? "");
      if (values.length === 1) return values[0];
    }
    return this.#missing(names, "a number");
  }

  flag(name: string, fallback?: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value === "boolean") return value;
    if (typeof value === "number") return value !== 0;
    return this.#missing([name], "True or False");
  }

  text(name: string, fallback?: string): string {
    const value = this.get(name) ?? fallback;
    return typeof value === "string" ? value : this.#missing([name], "a text");
  }

  child(...names: readonly string[]): Attributes {
    const value = this.get(...names);
    if (typeof value === "object" && value.kind === "object") return new Attributes(value);
    return this.#missing(names, "an object");
  }

  /** Numbers in one array, of the rank that is expected where one is. */
  doubles(name: string, rank?: number): Doubles {
    return this.maybeDoubles([name], rank) ?? this.#missing([name], "an array of numbers");
  }

  maybeDoubles(names: readonly string[], rank?: number): Doubles | undefined {
    const value = this.get(...names);
    if (value === undefined) return undefined;
    const found = doublesOf(value, this, names[0] ?? "");
    if (rank === undefined || found.shape.length === rank) return found;
    return this.#missing(names, `an array of ${rank} dimensions`);
  }

  /** Whether its numbers are held in single precision. */
  isSingle(name: string): boolean {
    const value = this.get(name);
    return typeof value === "object" && value.kind === "array" && isFloat32(value);
  }

  /** The items of a list, a tuple, or an array of objects, in row-major order. */
  items(...names: readonly string[]): readonly PyValue[] {
    const value = this.get(...names);
    if (typeof value === "object") {
      if (value.kind === "list" || value.kind === "tuple") return value.items;
      if (value.kind === "array") return arrayItems(value);
    }
    return this.#missing(names, "a list");
  }

  /** The estimators of a list of them. */
  children(...names: readonly string[]): Attributes[] {
    return this.items(...names).map((one) => Attributes.of(one, `an item of ${names[0]}`));
  }

  /** What is to be thrown for a value that is not understood. */
  unknown(name: string, value: unknown = this.get(name)): FormatError {
    return new FormatError(
      `${this.name} with ${name}=${shown(value)} is not supported; export the model to ONNX`,
    );
  }

  #missing(names: readonly string[], expected: string): never {
    throw new FormatError(
      `${this.name} has no ${names[0] ?? ""} that is ${expected}: it is not fitted, or of a ` +
        "release that is not known; export the model to ONNX",
    );
  }
}

function isFloat32({ elements }: NdArray): boolean {
  return elements instanceof Float32Array;
}

function shown(value: unknown): string {
  if (typeof value === "string") return `'${clip(value)}'`;
  if (typeof value === "object" && value !== null && "kind" in value) {
    if (value.kind === "object" && "type" in value) {
      return `<${clip(String((value as PyObject).type.name))}>`;
    }
    return `<${String(value.kind)}>`;
  }
  return clip(String(value));
}

/** Numbers of any type as doubles. */
export function doublesOf(value: PyValue, owner: Attributes, name: string): Doubles {
  if (typeof value === "number") return { shape: [], values: Float64Array.of(value) };
  if (typeof value === "object" && value?.kind === "array") {
    const { elements, shape } = value;
    if (elements instanceof Float64Array) return { shape, values: elements };
    if (!(elements instanceof DataView)) {
      const values = new Float64Array(elements.length);
      let number = true;
      for (let at = 0; at < values.length; at += 1) {
        const element: unknown = elements[at];
        number &&= typeof element === "number" || typeof element === "bigint";
        values[at] = Number(element);
      }
      if (number) return { shape, values };
    }
  }
  if (typeof value === "object" && (value?.kind === "list" || value?.kind === "tuple")) {
    const rows = value.items.map((item) => doublesOf(item, owner, name));
    const [first] = rows;
    const values = rows.flatMap((row) => [...row.values]);
    return { shape: [rows.length, ...(first?.shape ?? [])], values: Float64Array.from(values) };
  }
  if (typeof value === "object" && value?.kind === "object") {
    const dense = denseOf(value);
    if (dense !== undefined) return dense;
  }
  throw owner.unknown(name, value);
}

/** The elements of an array as Python's values. */
export function arrayItems({ elements, dtype }: NdArray): readonly PyValue[] {
  if (elements instanceof DataView) throw new FormatError("records stand where values should");
  if (dtype.code === "b") return Array.from(elements, (one) => one === 1);
  const items = Array.from(elements as ArrayLike<PyValue>);
  return items.map((one) => (typeof one === "bigint" ? intOf(one) : one));
}
