import { boosterGroupsMax, columnsMax, lightgbmLeavesMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";

/** LightGBM's text model (src/boosting/gbdt_model_text.cpp, src/io/tree.cpp), versions 2 to 4. */
export interface LightgbmModel {
  readonly version: string;
  /** Sums that are kept apart: trees of an iteration. */
  readonly groups: number;
  readonly classes: number;
  readonly features: number;
  /** `undefined` where the objective was somebody's own. */
  readonly objective: string | undefined;
  /** `sigmoid:1`, `sqrt` and the like. */
  readonly options: ReadonlyMap<string, string>;
  readonly averaged: boolean;
  readonly featureNames: readonly string[];
  readonly trees: readonly TextTree[];
  /** Whether categories of a data frame were numbered. */
  readonly pandasCategories: boolean;
}

export interface TextTree {
  readonly leaves: number;
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly decision: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly leafValue: readonly number[];
  readonly boundaries: readonly number[];
  readonly bits: readonly number[];
}

type Fields = ReadonlyMap<string, string>;

/** Throws FormatError. */
export function readLightgbm(text: string): LightgbmModel {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trim() !== "tree")
    throw new FormatError("no LightGBM model: it does not begin with 'tree'");
  const end = lines.findIndex((line) => line.startsWith("end of trees"));
  if (end < 0) throw new FormatError("the LightGBM model is cut off: it has no 'end of trees'");
  const starts = lines.flatMap((line, at) => (at < end && line.startsWith("Tree=") ? [at] : []));
  const header = fieldsOf(lines.slice(1, starts[0] ?? end));
  const features = integer(header, "max_feature_idx") + 1;
  if (features > columnsMax)
    throw new FormatError(`the LightGBM model has ${features} features, at most ${columnsMax}`);
  const groups = integer(header, "num_tree_per_iteration");
  if (groups < 1 || groups > boosterGroupsMax)
    throw new FormatError(
      `the LightGBM model has ${groups} classes, expected 1 to ${boosterGroupsMax}`,
    );
  const [objective, ...options] = (header.get("objective") ?? "")
    .split(" ")
    .filter((one) => one !== "");
  const trees = starts.map((from, at) =>
    readTree(fieldsOf(lines.slice(from + 1, starts[at + 1] ?? end))),
  );
  const pandas = lines.slice(end).find((line) => line.startsWith("pandas_categorical:"));
  return {
    version: header.get("version") ?? "v2",
    groups,
    classes: integer(header, "num_class"),
    features,
    objective,
    options: new Map(options.map((one) => [one.split(":")[0] ?? one, one.split(":")[1] ?? ""])),
    averaged: header.has("average_output"),
    featureNames: (header.get("feature_names") ?? "").split(" ").filter((name) => name !== ""),
    trees,
    pandasCategories: pandas !== undefined && !/:\s*(null|\[\s*\])\s*$/.test(pandas),
  };
}

function fieldsOf(lines: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf("=");
    // Values may have an = of their own; flags have none.
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
    else if (line.trim() !== "") fields.set(line.trim(), "");
  }
  return fields;
}

function integer(fields: Fields, name: string): number {
  const value = Number(fields.get(name) ?? Number.NaN);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new FormatError(`the LightGBM model has no ${name} that is a number`);
}

function readTree(fields: Fields): TextTree {
  const leaves = integer(fields, "num_leaves");
  if (leaves < 1 || leaves > lightgbmLeavesMax)
    throw new FormatError("a tree has no leaves, or too many");
  if (Number(fields.get("is_linear") ?? 0) === 1) {
    throw new FormatError("linear trees of LightGBM are not supported; export the model to ONNX");
  }
  const categories = Number(fields.get("num_cat") ?? 0);
  const inner = leaves - 1;
  const list = (name: string, count: number): number[] => {
    const texts = (fields.get(name) ?? "").split(" ").filter((one) => one !== "");
    const values = texts.map(numberOf);
    if (count >= 0 && values.length !== count) {
      throw new FormatError(
        `a tree of LightGBM has ${values.length} of ${name}, expected ${count}`,
      );
    }
    return values;
  };
  return {
    leaves,
    feature: list("split_feature", inner),
    threshold: list("threshold", inner),
    decision: list("decision_type", inner),
    left: list("left_child", inner),
    right: list("right_child", inner),
    leafValue: list("leaf_value", leaves),
    boundaries: categories > 0 ? list("cat_boundaries", categories + 1) : [],
    bits: categories > 0 ? list("cat_threshold", -1) : [],
  };
}

function numberOf(text: string): number {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  const value = Number(text);
  if (Number.isNaN(value)) throw new FormatError(`'${text.slice(0, 30)}' is no number`);
  return value;
}
