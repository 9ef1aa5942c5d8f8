/**
 * What a pickle holds, as plain values of ours. Nothing here was called, imported or looked up: a
 * class or a function of Python is its name, and an instance is that name with its state.
 */
export type PyValue =
  /** None. */
  | null
  | boolean
  /** A float, or an int within ±(2^53 − 1). */
  | number
  /** Any other int. */
  | bigint
  | string
  | PyBytes
  | PyList
  | PyTuple
  | PySet
  | PyDict
  | PyGlobal
  | PyObject
  | NdArray
  | PyDtype;

export interface PyBytes {
  readonly kind: "bytes";
  readonly bytes: Uint8Array;
}

export interface PyList {
  readonly kind: "list";
  readonly items: PyValue[];
}

export interface PyTuple {
  readonly kind: "tuple";
  readonly items: readonly PyValue[];
}

export interface PySet {
  readonly kind: "set";
  readonly items: PyValue[];
}

/** In the order of the file. Keys are compared by value for scalars, by identity otherwise. */
export interface PyDict {
  readonly kind: "dict";
  readonly entries: Map<PyValue, PyValue>;
}

/** A class or a function: `sklearn.svm._classes` and `SVC`. */
export interface PyGlobal {
  readonly kind: "global";
  readonly module: string;
  readonly name: string;
}

/** An instance: what was to be called, with what, and the state that was then to be set. */
export interface PyObject {
  readonly kind: "object";
  readonly type: PyGlobal;
  readonly args: readonly PyValue[];
  /** Attributes by name, of a state that is a dict (or the dict of a pair). */
  readonly attributes: Map<string, PyValue>;
  /** A state of any other form. */
  state: PyValue | undefined;
}

/** Numbers, booleans, text or objects in C order, whatever the order in the file. */
export interface NdArray {
  readonly kind: "array";
  dtype: PyDtype;
  shape: readonly number[];
  elements: ArrayElements;
}

export type ArrayElements =
  | Float64Array
  | Float32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  /** Half floats (as numbers) and text. */
  | readonly number[]
  | readonly string[]
  /** dtype `O`. */
  | readonly PyValue[]
  /** Structured dtypes: the records as they stand in the file, `itemBytes` each. */
  | DataView;

/** `code` and size as numpy writes them: `f8`, `i4`, `b1`, `U12` (size in bytes), `O`, `V64`. */
export interface PyDtype {
  readonly kind: "dtype";
  readonly code: "b" | "i" | "u" | "f" | "c" | "S" | "U" | "V" | "O" | "M" | "m";
  itemBytes: number;
  littleEndian: boolean;
  /** Of structured dtypes, with the offsets that the file gives. */
  fields: readonly PyField[];
}

export interface PyField {
  readonly name: string;
  readonly dtype: PyDtype;
  readonly offset: number;
}
