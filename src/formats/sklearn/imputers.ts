import type { Value } from "../onnx/build.ts";
import { type Attributes, arrayItems } from "./attributes.ts";
import { type Column, columnsOf, matrixOf, restrict, TableBlock } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";

/** What takes the place of missing values. */

export const lowerSimpleImputer: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const statistics = estimator.get("statistics_");
  if (typeof statistics !== "object" || statistics.kind !== "array")
    throw estimator.unknown("statistics_");
  const values = arrayItems(statistics);
  if (values.every((one) => typeof one === "string"))
    return { transform: filledTexts(part, values) };
  if (!isNaNMarker(estimator)) throw estimator.unknown("missing_values");
  restrict(columns, "missing");
  const x = matrixOf(graph, columns);
  const numbers = values.map((one) => (one === null ? Number.NaN : Number(one)));
  // Columns of which nothing was seen are left out.
  const kept = [...numbers.keys()].filter((at) => !Number.isNaN(numbers[at]));
  const all = kept.length === columns.length ? x : graph.columns(x, kept);
  const filler = graph.doubles(
    kept.map((at) => numbers[at] ?? 0),
    [1, kept.length],
  );
  const filled = graph.where(graph.node("IsNaN", [all]), filler, all);
  const transform = columnsOf(filled, kept.length);
  if (!estimator.flag("add_indicator", false) || estimator.get("indicator_") === undefined)
    return { transform };
  return { transform: [...transform, ...indicated(part, estimator.child("indicator_"), x)] };
};

function isNaNMarker(estimator: Attributes): boolean {
  const marker = estimator.get("missing_values");
  return marker === "NaN" || (typeof marker === "number" && Number.isNaN(marker));
}

/** Text columns stay as they are; what is missing in them is filled when they are read. */
function filledTexts(
  { estimator, columns }: Part,
  values: readonly (unknown | string)[],
): Column[] {
  for (const [at, column] of columns.entries()) {
    if (!(column.block instanceof TableBlock)) throw estimator.unknown("statistics_");
    column.block.fill(column.index, String(values[at]));
  }
  return [...columns];
}

export const lowerMissingIndicator: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  if (!isNaNMarker(estimator)) throw estimator.unknown("missing_values");
  restrict(columns, "missing");
  return { transform: indicated(part, estimator, matrixOf(graph, columns)) };
};

function indicated({ graph }: Part, indicator: Attributes, x: Value): Column[] {
  const features = [...indicator.doubles("features_").values];
  if (features.length === 0) return [];
  const missing = graph.cast(graph.node("IsNaN", [graph.columns(x, features)]), "FP64");
  return columnsOf(missing, features.length);
}
