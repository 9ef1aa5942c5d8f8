import { invalid, type ServingError } from "../../domain/error.ts";
import type { TabularSignature } from "../../domain/model.ts";
import { quoted } from "./names.ts";

/** Refusals in the phrases that clients know from the libraries themselves. */

/** A row of another number of values. */
export function wrongWidth(given: number, signature: TabularSignature): ServingError {
  const { library, estimator, columns } = signature;
  const { length } = columns;
  switch (library) {
    case "sklearn":
      return invalid(
        `X has ${given} features, but ${estimator} is expecting ${length} features as input.`,
      );
    case "xgboost":
      return invalid(`Feature shape mismatch, expected: ${length}, got ${given}`);
    case "lightgbm":
      return invalid(
        `The number of features in data (${given}) is not the same as it was in training data ` +
          `(${length}).`,
      );
    default:
      return library satisfies never;
  }
}

/** No matrix of rows. */
export function wrongRank(shape: readonly number[], signature: TabularSignature): ServingError {
  const { estimator, columns } = signature;
  const rows = `rows of ${columns.length} values, [N,${columns.length}]`;
  if (shape.length > 2) {
    return invalid(
      `Found array with dim ${shape.length}, while dim <= 2 is required by ${estimator}: it ` +
        `takes ${rows}`,
    );
  }
  const got = shape.length === 0 ? "scalar" : "1D";
  return invalid(`Expected 2D array, got ${got} array instead: ${estimator} takes ${rows}`);
}

export function wrongRows(shape: readonly number[], { estimator }: TabularSignature): ServingError {
  return invalid(
    `Found array with 0 sample(s) (shape=(${shape.join(", ")})) while a minimum of 1 is required ` +
      `by ${estimator}.`,
  );
}

/** Columns that the model was fitted with. */
export function missingColumns(
  names: readonly string[],
  { library }: TabularSignature,
): ServingError {
  if (library === "xgboost") {
    return invalid(`feature_names mismatch: expected [${quoted(names)}] in input data`);
  }
  return invalid(
    "The feature names should match those that were passed during fit. Feature names seen at fit " +
      `time, yet now missing: [${quoted(names)}]`,
  );
}

/** NaN or an infinity where the model takes none, or a number that its type cannot hold. */
export function notFinite(
  value: number,
  datatype: "FP32" | "FP64",
  { library, estimator }: TabularSignature,
): ServingError {
  if (Number.isNaN(value)) {
    return invalid(
      `Input X contains NaN. ${estimator} does not accept missing values encoded as NaN natively.`,
    );
  }
  if (library === "xgboost") {
    return invalid("Input data contains `inf` or a value too large, while `missing` is not `inf`");
  }
  const dtype = datatype === "FP32" ? "float32" : "float64";
  return invalid(`Input X contains infinity or a value too large for dtype('${dtype}').`);
}
