import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import {
  arrayOf,
  damaged,
  dtypeOf,
  objectArray,
  scalarOf,
  setDtypeState,
  shapeOf,
} from "./numpy.ts";
import type { NdArray, PyDict, PyGlobal, PyObject, PyValue } from "./values.ts";

/** What calls and states in a pickle stand for. Nothing is called: each case is written out. */

type Builder = (args: readonly PyValue[]) => PyValue;

const builders: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["numpy.core.multiarray._reconstruct", emptyArray],
  ["numpy._core.multiarray._reconstruct", emptyArray],
  ["numpy.core.multiarray.scalar", scalar],
  ["numpy._core.multiarray.scalar", scalar],
  ["numpy.core.numeric._frombuffer", fromBuffer],
  ["numpy._core.numeric._frombuffer", fromBuffer],
  ["numpy.dtype", ([text]) => dtypeOf(textOf(text))],
  ["numpy.core._ufunc_reconstruct", ufunc],
  ["numpy._core._ufunc_reconstruct", ufunc],
  ["_codecs.encode", encoded],
  ["builtins.bytes", bytesCall],
  ["builtins.bytearray", bytesCall],
  ["builtins.dict", dictCall],
  ["collections.OrderedDict", dictCall],
  ["collections.defaultdict", () => ({ kind: "dict", entries: new Map() })],
  ["builtins.set", setCall],
  ["builtins.frozenset", setCall],
  ["builtins.list", ([items]) => ({ kind: "list", items: [...itemsOf(items)] })],
  ["builtins.tuple", ([items]) => ({ kind: "tuple", items: itemsOf(items) })],
  ["copyreg._reconstructor", reconstructed],
  ["copyreg.__newobj__", ([type, ...args]) => objectOf(globalOf(type), args)],
]);

/** The value of calling `callee`, which has to be a name. */
export function called(callee: PyValue, args: readonly PyValue[]): PyValue {
  const type = globalOf(callee);
  const builder = builders.get(`${type.module}.${type.name}`);
  return builder === undefined ? objectOf(type, args) : builder(args);
}

export function objectOf(type: PyGlobal, args: readonly PyValue[]): PyObject {
  return { kind: "object", type, args, attributes: new Map(), state: undefined };
}

/** `object.__setstate__(state)`. */
export function setState(target: PyValue, state: PyValue): void {
  if (typeof target !== "object" || target === null) throw damaged("a state");
  switch (target.kind) {
    case "dtype":
      setDtypeState(target, itemsOf(state));
      return;
    case "array":
      setArrayState(target, itemsOf(state));
      return;
    case "object":
      setObjectState(target, state);
      return;
    default:
      throw damaged(`the state of a ${target.kind}`);
  }
}

/** `(version, shape, dtype, is_fortran, bytes or list)`. */
function setArrayState(array: NdArray, state: readonly PyValue[]): void {
  const parts = state.length === 4 ? state : state.slice(1);
  const [shape, dtype, fortran, content] = parts;
  if (typeof dtype !== "object" || dtype?.kind !== "dtype") throw damaged("an array's dtype");
  const raw = { dtype, ...shapeOf(shape), fortran: fortran === true || fortran === 1 };
  const made =
    dtype.code === "O" ? objectArray(raw, itemsOf(content)) : arrayOf(raw, bytesOf(content));
  array.dtype = made.dtype;
  array.shape = made.shape;
  array.elements = made.elements;
}

/** A dict of attributes, or a pair of it and one of slots; anything else is kept as it is. */
function setObjectState(object: PyObject, state: PyValue): void {
  const parts =
    typeof state === "object" && state?.kind === "tuple" && state.items.length === 2
      ? state.items
      : [state];
  const dicts = parts.filter((part) => part !== null);
  if (dicts.every((part) => typeof part === "object" && part.kind === "dict")) {
    for (const part of dicts) {
      if (typeof part === "object" && part?.kind === "dict") setAttributes(object, part);
    }
    return;
  }
  object.state = state;
}

function setAttributes(object: PyObject, { entries }: PyDict): void {
  for (const [key, value] of entries) {
    if (typeof key === "string") object.attributes.set(key, value);
  }
}

export function itemsOf(value: PyValue | undefined): readonly PyValue[] {
  if (value === undefined) return [];
  if (
    typeof value === "object" &&
    (value?.kind === "tuple" || value?.kind === "list" || value?.kind === "set")
  ) {
    return value.items;
  }
  throw damaged("what should be a list");
}

export function globalOf(value: PyValue | undefined): PyGlobal {
  if (typeof value === "object" && value?.kind === "global") return value;
  throw damaged("what should be a class or a function");
}

function textOf(value: PyValue | undefined): string {
  if (typeof value === "string") return value;
  throw damaged("what should be a text");
}

/** Python 2 had its bytes as text. */
function bytesOf(value: PyValue | undefined): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "latin1");
  if (typeof value === "object" && value?.kind === "bytes") return value.bytes;
  throw damaged("what should be bytes");
}

function emptyArray(): NdArray {
  const dtype = dtypeOf("f8");
  return { kind: "array", dtype, shape: [0], elements: new Float64Array(0) };
}

function scalar([dtype, content]: readonly PyValue[]): PyValue {
  if (typeof dtype !== "object" || dtype?.kind !== "dtype") throw damaged("a scalar's dtype");
  if (dtype.code === "O") return content ?? null;
  return scalarOf(dtype, bytesOf(content));
}

function fromBuffer([content, dtype, shape, order]: readonly PyValue[]): PyValue {
  if (typeof dtype !== "object" || dtype?.kind !== "dtype") throw damaged("an array's dtype");
  if (dtype.code === "O") throw damaged("an array's dtype");
  return arrayOf({ dtype, ...shapeOf(shape), fortran: order === "F" }, bytesOf(content));
}

function encoded([text, encoding]: readonly PyValue[]): PyValue {
  if (encoding !== "latin1" && encoding !== "latin-1") {
    throw new FormatError(`text in the encoding '${clip(String(encoding))}' is not supported`);
  }
  return { kind: "bytes", bytes: Buffer.from(textOf(text), "latin1") };
}

function ufunc([module, name]: readonly PyValue[]): PyValue {
  return { kind: "global", module: textOf(module), name: textOf(name) };
}

function bytesCall([content, encoding]: readonly PyValue[]): PyValue {
  if (content === undefined) return { kind: "bytes", bytes: new Uint8Array(0) };
  if (encoding !== undefined) return encoded([content, encoding]);
  if (typeof content === "object" && content?.kind === "bytes") return content;
  const numbers = itemsOf(content).map((item) => {
    if (typeof item !== "number" || item < 0 || item > 255) throw damaged("a byte");
    return item;
  });
  return { kind: "bytes", bytes: Uint8Array.from(numbers) };
}

function dictCall([pairs]: readonly PyValue[]): PyValue {
  if (typeof pairs === "object" && pairs?.kind === "dict") {
    return { kind: "dict", entries: new Map(pairs.entries) };
  }
  const entries = new Map<PyValue, PyValue>();
  for (const pair of itemsOf(pairs)) {
    const [key = null, value = null] = itemsOf(pair);
    entries.set(key, value);
  }
  return { kind: "dict", entries };
}

function setCall([items]: readonly PyValue[]): PyValue {
  return { kind: "set", items: [...itemsOf(items)] };
}

/** `(class, base, state)`: only bases without a state of their own are known here. */
function reconstructed([type, base, content]: readonly PyValue[]): PyValue {
  const { module, name } = globalOf(base);
  const made = objectOf(globalOf(type), content === null || content === undefined ? [] : [content]);
  if (module === "builtins" && ["object", "dict", "tuple", "list"].includes(name)) return made;
  throw new FormatError(`objects made from '${clip(`${module}.${name}`)}' are not supported`);
}
