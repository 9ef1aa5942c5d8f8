import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import type { PyObject, PyValue } from "../pickle/values.ts";
import { Attributes, arrayItems } from "./attributes.ts";
import { type Column, columnsOf, matrixOf, TableBlock } from "./columns.ts";
import type { Fitted, Lowering, Numbers, Part } from "./fitted.ts";

/** Estimators made of others: pipelines, unions, searches. */

/** The estimator of a step; `undefined` for one that lets columns through. */
function stepOf(value: PyValue | undefined): Attributes | "passthrough" | "drop" {
  if (value === null || value === undefined || value === "passthrough") return "passthrough";
  if (value === "drop") return "drop";
  return Attributes.of(value, "a step");
}

/** `(name, estimator, …)` tuples. */
function tuples(estimator: Attributes, ...names: readonly string[]): (readonly PyValue[])[] {
  return estimator.items(...names).map((item) => {
    if (typeof item === "object" && (item?.kind === "tuple" || item?.kind === "list"))
      return item.items;
    throw estimator.unknown(names[0] ?? "");
  });
}

/** Columns after a transformer. */
export function transformedBy(
  part: Part,
  step: Attributes,
  columns: readonly Column[],
): readonly Column[] {
  const { transform } = part.lower(step, columns);
  if (transform === undefined)
    throw new FormatError(`${step.name} stands where a transformer should`);
  return transform;
}

export const lowerPipeline: Lowering = (part) => {
  const steps = tuples(part.estimator, "steps").map(([, step]) => stepOf(step));
  let columns = part.columns;
  for (const step of steps.slice(0, -1)) {
    if (step !== "passthrough" && step !== "drop") columns = transformedBy(part, step, columns);
  }
  const last = steps.at(-1);
  if (last === undefined || last === "drop") throw part.estimator.unknown("steps");
  return last === "passthrough" ? { transform: columns } : part.lower(last, columns);
};

export const lowerFeatureUnion: Lowering = (part) => {
  const { estimator, columns } = part;
  const weights = weightsOf(estimator);
  const all = tuples(estimator, "transformer_list").flatMap(([name, value]) => {
    const step = stepOf(value);
    if (step === "drop") return [];
    const made = step === "passthrough" ? columns : transformedBy(part, step, columns);
    return weighted(part, made, weights.get(String(name)));
  });
  return { transform: all };
};

function weightsOf(estimator: Attributes): ReadonlyMap<string, number> {
  const weights = estimator.get("transformer_weights");
  const found = new Map<string, number>();
  if (typeof weights !== "object" || weights.kind !== "dict") return found;
  for (const [name, weight] of weights.entries) found.set(String(name), Number(weight));
  return found;
}

function weighted(
  { graph }: Part,
  columns: readonly Column[],
  weight: number | undefined,
): readonly Column[] {
  if (weight === undefined || columns.length === 0) return columns;
  return columnsOf(graph.mul(matrixOf(graph, columns), graph.double(weight)), columns.length);
}

export const lowerColumnTransformer: Lowering = (part) => {
  const { estimator, columns } = part;
  const weights = weightsOf(estimator);
  const all = tuples(estimator, "transformers_").flatMap(([name, value, chosen]) => {
    const step = stepOf(value);
    const own = chosenColumns(estimator, chosen ?? null, columns);
    if (step === "drop" || own.length === 0) return [];
    const made = step === "passthrough" ? own : transformedBy(part, step, own);
    return weighted(part, made, weights.get(String(name)));
  });
  return { transform: all };
};

/** What a ColumnTransformer's column specification means: names, positions, a slice, a mask. */
function chosenColumns(
  estimator: Attributes,
  chosen: PyValue,
  columns: readonly Column[],
): readonly Column[] {
  const at = (index: number): Column => {
    const column = columns.at(index);
    if (column === undefined) throw estimator.unknown("transformers_", index);
    return column;
  };
  const named = (name: string): Column => at(nameIndex(estimator, name, columns));
  if (typeof chosen === "string") return [named(chosen)];
  if (typeof chosen === "number") return [at(chosen)];
  if (typeof chosen === "object" && chosen?.kind === "object") {
    if (chosen.type.name === "slice") return sliced(estimator, chosen, columns);
    // What the rest is kept in from 1.5 to 1.6.
    const inner = chosen.attributes.get("data") ?? chosen.attributes.get("columns");
    if (inner !== undefined) return chosenColumns(estimator, inner, columns);
  }
  const items =
    typeof chosen === "object" && (chosen?.kind === "list" || chosen?.kind === "tuple")
      ? chosen.items
      : typeof chosen === "object" && chosen?.kind === "array"
        ? arrayItems(chosen)
        : undefined;
  if (items === undefined) throw estimator.unknown("transformers_", chosen);
  if (items.every((one) => typeof one === "boolean") && items.length === columns.length) {
    return columns.filter((_, index) => items[index] === true);
  }
  return items.map((one) => {
    if (typeof one === "string") return named(one);
    if (typeof one === "number") return at(one);
    throw estimator.unknown("transformers_", one);
  });
}

function nameIndex(estimator: Attributes, name: string, columns: readonly Column[]): number {
  const own = namesOf(estimator) ?? legacyNames(estimator);
  const index = own?.indexOf(name) ?? -1;
  if (index >= 0) return index;
  const table = columns.findIndex(
    ({ block, index: at }) => block instanceof TableBlock && block.names?.[at] === name,
  );
  if (table < 0) throw estimator.unknown("transformers_", name);
  return table;
}

/** Before 1.0 the columns were kept as a data frame's index. */
function legacyNames(estimator: Attributes): readonly string[] | undefined {
  const columns = estimator.get("_df_columns");
  if (typeof columns !== "object" || columns.kind !== "object") return undefined;
  return namesIn(columns);
}

function namesIn(index: PyObject): readonly string[] | undefined {
  const seen: PyValue[] = [...index.args, ...index.attributes.values(), index.state ?? null];
  for (let at = 0; at < seen.length && at < 100; at += 1) {
    const value = seen[at];
    if (typeof value !== "object" || value === null) continue;
    if (value.kind === "array" && value.dtype.code === "O") {
      const items = arrayItems(value);
      if (items.every((one) => typeof one === "string")) return items;
    }
    if (value.kind === "tuple" || value.kind === "list") seen.push(...value.items);
    if (value.kind === "dict") seen.push(...value.entries.values());
  }
  return undefined;
}

/** `feature_names_in_`, where an estimator was fitted with names. */
export function namesOf(estimator: Attributes): readonly string[] | undefined {
  const value = estimator.get("feature_names_in_");
  if (typeof value === "object" && value.kind === "array") {
    const items = arrayItems(value);
    if (items.every((one) => typeof one === "string")) return items;
  }
  return legacyNames(estimator);
}

function sliced(
  estimator: Attributes,
  { args }: PyObject,
  columns: readonly Column[],
): readonly Column[] {
  const [from = null, to = null, step = null] = args;
  if (step !== null && step !== 1) throw estimator.unknown("transformers_", "slice");
  const place = (value: PyValue, last: boolean): number | undefined => {
    if (value === null) return undefined;
    if (typeof value === "number") return value;
    // Names include the last one.
    if (typeof value === "string") return nameIndex(estimator, value, columns) + (last ? 1 : 0);
    throw estimator.unknown("transformers_", "slice");
  };
  return columns.slice(place(from, false), place(to, true));
}

/** What holds one estimator and is used as it. */
export const lowerFrozen: Lowering = (part) =>
  part.lower(part.estimator.child("estimator"), part.columns);

export const lowerSelfTraining: Lowering = (part) => {
  const { estimator } = part;
  const inner = estimator.has("estimator_") ? "estimator_" : "base_estimator_";
  return part.lower(estimator.child(inner), part.columns);
};

/** GridSearchCV and its like. */
export const lowerSearch: Lowering = (part) =>
  part.lower(part.estimator.child("best_estimator_"), part.columns);

/** An estimator kept under another name. */
export const lowerInner =
  (name: string): Lowering =>
  (part) =>
    part.lower(part.estimator.child(name), part.columns);

/** Functions of numpy that stand in pickles. */
const functions: Readonly<Record<string, (part: Part, x: Value) => Value>> = {
  log1p: ({ graph }, x) => graph.log1p(x),
  expm1: ({ graph }, x) => graph.expm1(x),
  log: ({ graph }, x) => graph.log(x),
  log2: ({ graph }, x) => graph.div(graph.log(x), graph.double(Math.LN2)),
  log10: ({ graph }, x) => graph.div(graph.log(x), graph.double(Math.LN10)),
  exp: ({ graph }, x) => graph.exp(x),
  sqrt: ({ graph }, x) => graph.node("Sqrt", [x]),
  square: ({ graph }, x) => graph.mul(x, x),
  absolute: ({ graph }, x) => graph.node("Abs", [x]),
  abs: ({ graph }, x) => graph.node("Abs", [x]),
  negative: ({ graph }, x) => graph.node("Neg", [x]),
  reciprocal: ({ graph }, x) => graph.div(graph.double(1), x),
  sign: ({ graph }, x) => graph.node("Sign", [x]),
  sin: ({ graph }, x) => graph.sin(x),
  cos: ({ graph }, x) => graph.cos(x),
  tanh: ({ graph }, x) => graph.tanh(x),
};

export function applied(part: Part, name: string, x: Value): Value {
  const value = part.estimator.get(name);
  if (value === undefined) return x;
  if (typeof value !== "object" || value.kind !== "global") throw part.estimator.unknown(name);
  const known = value.module.startsWith("numpy") ? functions[value.name] : undefined;
  if (known === undefined) {
    throw new FormatError(
      `${part.estimator.name} with ${name}=${value.module}.${value.name} is not supported; ` +
        "export the model to ONNX",
    );
  }
  return known(part, x);
}

export const lowerFunctionTransformer: Lowering = (part) => {
  const { estimator, columns, graph } = part;
  if (estimator.get("func") === undefined) return { transform: columns };
  if (estimator.get("kw_args") !== undefined) {
    const more = estimator.get("kw_args");
    if (typeof more !== "object" || more.kind !== "dict" || more.entries.size > 0) {
      throw estimator.unknown("kw_args");
    }
  }
  return { transform: columnsOf(applied(part, "func", matrixOf(graph, columns)), columns.length) };
};

export const lowerTransformedTarget: Lowering = (part): Fitted => {
  const { estimator, graph, columns } = part;
  const inner = part.lower(estimator.child("regressor_"), columns).predict;
  if (inner === undefined) throw estimator.unknown("regressor_");
  const transformer = estimator.child("transformer_");
  return { predict: inverted({ ...part, estimator: transformer }, inner, graph) };
};

function inverted(part: Part, { value, width }: Numbers, graph: Part["graph"]): Numbers {
  const { estimator } = part;
  const along = (name: string) => {
    const { values } = estimator.doubles(name);
    return width === undefined && values.length === 1
      ? graph.double(values[0] ?? 0)
      : graph.doubles(values);
  };
  switch (estimator.name) {
    case "FunctionTransformer":
      return { value: applied(part, "inverse_func", value), width };
    case "StandardScaler": {
      const scaled = estimator.flag("with_std") ? graph.mul(value, along("scale_")) : value;
      return {
        value: estimator.flag("with_mean") ? graph.add(scaled, along("mean_")) : scaled,
        width,
      };
    }
    case "MinMaxScaler":
      return { value: graph.div(graph.sub(value, along("min_")), along("scale_")), width };
    case "MaxAbsScaler":
      return { value: graph.mul(value, along("scale_")), width };
    case "RobustScaler": {
      const scaled = estimator.flag("with_scaling") ? graph.mul(value, along("scale_")) : value;
      return {
        value: estimator.flag("with_centering") ? graph.add(scaled, along("center_")) : scaled,
        width,
      };
    }
    default:
      throw estimator.unknown("transformer_", estimator.name);
  }
}
