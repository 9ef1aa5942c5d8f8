import { sparseElementsMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import type { PyObject, PyValue } from "../pickle/values.ts";

/** scipy's sparse matrices, written out. */

export interface Dense {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** `undefined` for what is no sparse matrix that is known. */
export function denseOf({ type, attributes }: PyObject): Dense | undefined {
  if (!type.module.startsWith("scipy.sparse")) return undefined;
  const shapeValue = attributes.get("_shape") ?? attributes.get("shape");
  const shape = numbers(shapeValue);
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2 || rows * columns > sparseElementsMax) {
    throw new FormatError(`a sparse matrix of ${shape.join("×")} is too large`);
  }
  const values = new Float64Array(rows * columns);
  const data = numbers(attributes.get("data"));
  if (type.name.startsWith("dia_")) {
    const [offset = 0, ...more] = numbers(attributes.get("offsets"));
    if (offset !== 0 || more.length > 0) return undefined;
    for (const [at, value] of data.entries()) values[at * columns + at] = value;
    return { shape, values };
  }
  if (!type.name.startsWith("csr_") && !type.name.startsWith("csc_")) return undefined;
  const indices = numbers(attributes.get("indices"));
  const starts = numbers(attributes.get("indptr"));
  const byRow = type.name.startsWith("csr_");
  for (let major = 0; major < starts.length - 1; major += 1) {
    for (let at = starts[major] ?? 0; at < (starts[major + 1] ?? 0); at += 1) {
      const minor = indices[at] ?? 0;
      const place = byRow ? major * columns + minor : minor * columns + major;
      if (place >= values.length) throw new FormatError("a sparse matrix's index is out of range");
      values[place] = data[at] ?? 0;
    }
  }
  return { shape, values };
}

function numbers(value: PyValue | undefined): number[] {
  if (typeof value === "object" && (value?.kind === "tuple" || value?.kind === "list")) {
    return value.items.map(Number);
  }
  if (typeof value === "object" && value?.kind === "array") {
    if (!(value.elements instanceof DataView)) return Array.from(value.elements, Number);
  }
  throw new FormatError("a sparse matrix is damaged");
}
