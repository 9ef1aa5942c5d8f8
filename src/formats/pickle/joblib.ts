import { FormatError } from "../error.ts";
import { itemsOf } from "./construct.ts";
import type { PickleCursor } from "./cursor.ts";
import { arrayOf, byteLength, damaged, objectArray, shapeOf } from "./numpy.ts";
import type { NdArray, PyObject, PyValue } from "./values.ts";

/** joblib writes an array's bytes behind what stands for it (numpy_pickle.py, 0.10 on). */

export const wrapperName = "NumpyArrayWrapper";
const paddingMax = 16;

/** The array that follows its wrapper; `nested` reads a pickle at the cursor. */
export function readWrappedArray(
  { type, attributes }: PyObject,
  cursor: PickleCursor,
  nested: () => PyValue,
): NdArray {
  // scikit-learn brought its own joblib up to 0.20.
  if (!/(^|\.)joblib\.numpy_pickle$/.test(type.module)) throw damaged("an array's wrapper");
  const dtype = attributes.get("dtype");
  const order = attributes.get("order");
  if (typeof dtype !== "object" || dtype?.kind !== "dtype") throw damaged("an array's dtype");
  const raw = { dtype, ...shapeOf(attributes.get("shape")), fortran: order === "F" };
  if (dtype.code === "O") {
    const value = nested();
    if (typeof value === "object" && value?.kind === "array") return value;
    return objectArray(raw, itemsOf(value));
  }
  const alignment = attributes.get("numpy_array_alignment_bytes");
  if (alignment !== undefined && alignment !== null) {
    const padding = cursor.uint8();
    if (padding > paddingMax) throw damaged("the padding before an array");
    cursor.take(padding);
  }
  const length = byteLength(raw);
  if (length > cursor.remaining) {
    throw new FormatError(
      `the file is cut off or damaged: an array of ${length} bytes is announced where ` +
        `${cursor.remaining} remain`,
    );
  }
  return arrayOf(raw, cursor.take(length));
}
