import { FormatError } from "../error.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { PyValue } from "../pickle/values.ts";
import { missingText } from "../stages/stage.ts";
import { type Attributes, arrayItems, doublesOf } from "./attributes.ts";
import { type Column, columnsOf, matrixOf, restrict, TableBlock, textOf } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";

/** Encoders of categories. */

/** The categories of one column: numbers or text, and where a missing value stands among them. */
interface Categories {
  readonly kind: "numbers" | "texts";
  readonly values: readonly (number | string)[];
  readonly missing: number | undefined;
}

function categoriesOf(estimator: Attributes): Categories[] {
  return estimator.items("categories_").map((item) => categoriesIn(estimator, item));
}

function categoriesIn(estimator: Attributes, item: PyValue): Categories {
  if (typeof item !== "object" || item?.kind !== "array") throw estimator.unknown("categories_");
  const values = arrayItems(item);
  const missing = values.findIndex((one) => one === null || Number.isNaN(one));
  const known = values.filter((_, at) => at !== missing);
  const at = missing < 0 ? undefined : missing;
  if (known.every((one) => typeof one === "string")) {
    if (known.length > 0 || values.length > 0) {
      return {
        kind: "texts",
        values: values.map((one) => (typeof one === "string" ? one : missingText)),
        missing: at,
      };
    }
  }
  if (
    known.every(
      (one) => typeof one === "number" || typeof one === "boolean" || typeof one === "bigint",
    )
  ) {
    return {
      kind: "numbers",
      values: values.map((one) => (one === null ? Number.NaN : Number(one))),
      missing: at,
    };
  }
  throw new FormatError(
    `${estimator.name} with a column of text and numbers is not supported; export the model ` +
      "to ONNX",
  );
}

/**
 * Which category a column has, as 0s and 1s [N, k]; none, where that is tolerated, for what was not
 * seen, a missing value too.
 */
function matches(
  { graph }: Part,
  column: Column,
  { kind, values, missing }: Categories,
  tolerant = false,
): Value {
  if (kind === "texts") {
    if ((missing !== undefined || tolerant) && column.block instanceof TableBlock) {
      column.block.fill(column.index, missingText);
    }
    const texts = graph.texts(values.map(String), [1, values.length]);
    return graph.cast(graph.node("Equal", [textOf(graph, column), texts]), "FP64");
  }
  restrict([column], missing === undefined && !tolerant ? "finite" : "missing");
  const x = matrixOf(graph, [column]);
  const numbers = graph.doubles(values.map(Number), [1, values.length]);
  const equal = graph.node("Equal", [x, numbers]);
  if (missing === undefined) return graph.cast(equal, "FP64");
  const nan = graph.booleans(
    values.map((_, at) => at === missing),
    [1, values.length],
  );
  const both = graph.node("And", [graph.node("IsNaN", [x]), nan]);
  return graph.cast(graph.node("Or", [equal, both]), "FP64");
}

/** The request is refused where a value was not seen when the encoder was fitted. */
function requireKnown({ stages }: Part, column: Column, categories: Categories, at: number): void {
  if (!(column.block instanceof TableBlock)) return;
  const { kind, values, missing } = categories;
  stages.push({
    kind: "known",
    feed: kind,
    column: column.index,
    position: at,
    values: values.filter((_, index) => index !== missing),
    missing: missing !== undefined,
  });
}

/** LabelEncoder: which class each value is. */
export const lowerLabelEncoder: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const [column] = columns;
  const classes = estimator.get("classes_");
  if (column === undefined || classes === undefined) throw estimator.unknown("classes_");
  const categories = categoriesIn(estimator, classes);
  requireKnown(part, column, categories, 0);
  const value = graph.argMax(matches(part, column, categories));
  return { codes: { value, width: undefined, datatype: "INT64" } };
};

export const lowerOneHot: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const unknown = estimator.text("handle_unknown", "error");
  if (!["error", "ignore", "infrequent_if_exist", "warn"].includes(unknown)) {
    throw estimator.unknown("handle_unknown");
  }
  const dropped = droppedOf(estimator);
  const mappings = infrequentOf(estimator);
  const blocks: Value[] = [];
  let width = 0;
  for (const [at, categories] of categoriesOf(estimator).entries()) {
    const column = columns[at];
    if (column === undefined) throw estimator.unknown("categories_");
    if (unknown === "error") requireKnown(part, column, categories, at);
    const grouped = groups(categories.values.length, mappings[at]);
    const kept = Array.from({ length: grouped.count }, (_, group) => group).filter(
      (group) => group !== dropped[at],
    );
    if (kept.length === 0) continue;
    const table = new Float64Array(categories.values.length * kept.length);
    for (const [category, group] of grouped.of.entries()) {
      const place = kept.indexOf(group);
      if (place >= 0) table[category * kept.length + place] = 1;
    }
    const equal = matches(part, column, categories, unknown !== "error");
    let value = graph.matmul(equal, graph.doubles(table, [categories.values.length, kept.length]));
    const rare = mappings[at] === undefined ? -1 : kept.indexOf(grouped.count - 1);
    if (unknown === "infrequent_if_exist" && rare >= 0)
      value = withUnknown(graph, equal, value, rare, kept.length);
    blocks.push(value);
    width += kept.length;
  }
  return { transform: columnsOf(graph.concat(blocks), width) };
};

/** What has no category counts as one of the rare ones. */
function withUnknown(
  graph: GraphBuilder,
  equal: Value,
  value: Value,
  rare: number,
  width: number,
): Value {
  const unseen = graph.sub(graph.double(1), graph.rowSum(equal));
  const row = Array.from({ length: width }, (_, at) => (at === rare ? 1 : 0));
  return graph.add(value, graph.matmul(unseen, graph.doubles(row, [1, width])));
}

/** Which category is dropped of each column, after rare ones were grouped. */
function droppedOf(estimator: Attributes): readonly (number | undefined)[] {
  const name = estimator.has("_drop_idx_after_grouping") ? "_drop_idx_after_grouping" : "drop_idx_";
  if (estimator.get(name) === undefined) return [];
  return estimator.items(name).map((one) => (typeof one === "number" ? one : undefined));
}

/** For each column the group of each category, where rare ones are grouped. */
function infrequentOf(estimator: Attributes): readonly (readonly number[] | undefined)[] {
  if (estimator.get("_default_to_infrequent_mappings") === undefined) return [];
  return estimator
    .items("_default_to_infrequent_mappings")
    .map((one) => (one === null ? undefined : [...doublesOf(one, estimator, "mappings").values]));
}

function groups(count: number, mapping: readonly number[] | undefined) {
  const of = mapping ?? Array.from({ length: count }, (_, at) => at);
  return { of, count: Math.max(...of) + 1 };
}

export const lowerOrdinal: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const unknown = estimator.text("handle_unknown", "error");
  if (unknown !== "error" && unknown !== "use_encoded_value")
    throw estimator.unknown("handle_unknown");
  const mappings = infrequentOf(estimator);
  const values = categoriesOf(estimator).map((categories, at) => {
    const column = columns[at];
    if (column === undefined) throw estimator.unknown("categories_");
    if (unknown === "error") requireKnown(part, column, categories, at);
    const codes = categories.values.map((_, index) => {
      if (index === categories.missing)
        return estimator.maybeNumber("encoded_missing_value") ?? Number.NaN;
      return mappings[at]?.[index] ?? index;
    });
    const other = unknown === "error" ? undefined : estimator.number("unknown_value");
    return coded(part, column, categories, codes, other);
  });
  return { transform: columnsOf(graph.concat(values), values.length) };
};

/** The code of a column's category; another one where it has none, and that is tolerated. */
function coded(
  part: Part,
  column: Column,
  categories: Categories,
  codes: readonly number[],
  unknown: number | undefined,
): Value {
  const { graph } = part;
  const equal = matches(part, column, categories, unknown !== undefined);
  const index = graph.argMax(equal);
  const code = graph.reshape(graph.gather(graph.doubles(codes), index), [-1, 1]);
  if (unknown === undefined) return code;
  const any = graph.cast(graph.rowMax(equal), "BOOL");
  return graph.where(any, code, graph.double(unknown));
}

export const lowerTargetEncoder: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  if (estimator.text("target_type_") === "multiclass") throw estimator.unknown("target_type_");
  const mean = estimator.number("target_mean_");
  const encodings = estimator.items("encodings_");
  const values = categoriesOf(estimator).map((categories, at) => {
    const column = columns[at];
    const own = encodings[at];
    if (column === undefined || own === undefined) throw estimator.unknown("encodings_");
    const codes = [...doublesOf(own, estimator, "encodings_").values];
    return coded(part, column, categories, codes, mean);
  });
  return { transform: columnsOf(graph.concat(values), values.length) };
};
