import { termsMax } from "../../domain/limits.ts";
import type { Value } from "../onnx/build.ts";
import { columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { interpolated } from "./interpolation.ts";

/** Transformers that change numbers one by one. */

function numbersIn(part: Part, takes: "finite" | "missing"): Value {
  restrict(part.columns, takes);
  return matrixOf(part.graph, part.columns);
}

function transformed({ columns }: Part, value: Value) {
  return { transform: columnsOf(value, columns.length) };
}

export const lowerStandardScaler: Lowering = (part) => {
  const { estimator, graph } = part;
  let value = numbersIn(part, "missing");
  const mean = estimator.flag("with_mean") ? estimator.doubles("mean_").values : undefined;
  const scale = estimator.flag("with_std") ? estimator.maybeDoubles(["scale_"])?.values : undefined;
  if (mean !== undefined) value = graph.sub(value, graph.doubles(mean));
  if (scale !== undefined) value = graph.div(value, graph.doubles(scale));
  return transformed(part, value);
};

export const lowerMinMaxScaler: Lowering = (part) => {
  const { estimator, graph } = part;
  const { values: scale } = estimator.doubles("scale_");
  const { values: least } = estimator.doubles("min_");
  const scaled = graph.mul(numbersIn(part, "missing"), graph.doubles(scale));
  const value = graph.add(scaled, graph.doubles(least));
  if (!estimator.flag("clip", false)) return transformed(part, value);
  const [low = 0, high = 1] = estimator.doubles("feature_range").values;
  return transformed(part, clipped(part, value, low, high));
};

/** NaN stays NaN. */
function clipped({ graph }: Part, value: Value, low: number, high: number): Value {
  const under = graph.node("Less", [value, graph.double(low)]);
  const over = graph.node("Greater", [value, graph.double(high)]);
  return graph.where(under, graph.double(low), graph.where(over, graph.double(high), value));
}

export const lowerMaxAbsScaler: Lowering = (part) => {
  const { estimator, graph } = part;
  const value = graph.div(
    numbersIn(part, "missing"),
    graph.doubles(estimator.doubles("scale_").values),
  );
  return transformed(part, estimator.flag("clip", false) ? clipped(part, value, -1, 1) : value);
};

export const lowerRobustScaler: Lowering = (part) => {
  const { estimator, graph } = part;
  let value = numbersIn(part, "missing");
  const center = estimator.maybeDoubles(["center_"]);
  const scale = estimator.maybeDoubles(["scale_"]);
  if (center !== undefined && estimator.flag("with_centering")) {
    value = graph.sub(value, graph.doubles(center.values));
  }
  if (scale !== undefined && estimator.flag("with_scaling")) {
    value = graph.div(value, graph.doubles(scale.values));
  }
  return transformed(part, value);
};

export const lowerNormalizer: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part, "finite");
  const norm = estimator.text("norm");
  let length: Value;
  if (norm === "max") {
    // The largest absolute value from 0.22 on, the largest before.
    const of = estimator.release >= 0.022 ? graph.node("Abs", [x]) : x;
    length = graph.rowMax(of);
  } else {
    if (norm !== "l1" && norm !== "l2") throw estimator.unknown("norm");
    length = graph.rowNorm(x, norm);
  }
  const zero = graph.node("Equal", [length, graph.double(0)]);
  return transformed(part, graph.div(x, graph.where(zero, graph.double(1), length)));
};

export const lowerBinarizer: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part, "finite");
  const above = graph.node("Greater", [x, graph.double(estimator.number("threshold"))]);
  return transformed(part, graph.cast(above, "FP64"));
};

export const lowerPowerTransformer: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part, "missing");
  const lambdas = estimator.doubles("lambdas_").values;
  const method = estimator.text("method");
  const columns = Array.from(lambdas, (lambda, at) => {
    const column = graph.columns(x, [at]);
    if (method === "yeo-johnson") return yeoJohnson(part, column, lambda);
    if (method !== "box-cox") throw estimator.unknown("method");
    return powered(part, column, lambda);
  });
  let value = graph.concat(columns);
  if (estimator.flag("standardize")) {
    const scaler = estimator.child("_scaler");
    value = graph.sub(value, graph.doubles(scaler.doubles("mean_").values));
    value = graph.div(value, graph.doubles(scaler.doubles("scale_").values));
  }
  return transformed(part, value);
};

/** (x^λ − 1) / λ, and log x for λ = 0. */
function powered({ graph }: Part, x: Value, lambda: number): Value {
  if (Math.abs(lambda) < 2 ** -52) return graph.log(x);
  const power = graph.node("Pow", [x, graph.double(lambda)]);
  return graph.div(graph.sub(power, graph.double(1)), graph.double(lambda));
}

function yeoJohnson(part: Part, x: Value, lambda: number): Value {
  const { graph } = part;
  const one = graph.double(1);
  const zero = graph.double(0);
  // Each side is given numbers of its own only, so that the other makes no NaN of them.
  const plus = graph.add(graph.node("Max", [x, zero]), one);
  const minus = graph.sub(one, graph.node("Min", [x, zero]));
  const above = powered(part, plus, lambda);
  const below = graph.node("Neg", [powered(part, minus, 2 - lambda)]);
  const value = graph.where(graph.node("GreaterOrEqual", [x, zero]), above, below);
  return graph.where(graph.node("IsNaN", [x]), x, value);
}

export const lowerPolynomial: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const x = numbersIn(part, "finite");
  const degree = estimator.get("degree");
  const [least, most] =
    typeof degree === "number" ? [0, degree] : [...estimator.doubles("degree").values];
  const only = estimator.flag("interaction_only");
  const blocks: Value[] = [];
  let width = 0;
  if (estimator.flag("include_bias")) {
    blocks.push(graph.repeated(graph.doubles([1], [1, 1]), 1, x));
    width += 1;
  }
  let before: { value: Value; terms: number[][] } = {
    value: x,
    terms: [...columns.keys()].map((at) => [at]),
  };
  for (let power = 1; power <= (most ?? 1); power += 1) {
    if (power > 1) before = timesFirst(part, x, before, only);
    if (before.terms.length === 0) break;
    if (width + before.terms.length > termsMax) throw estimator.unknown("degree");
    if (power < (least ?? 0)) continue;
    blocks.push(before.value);
    width += before.terms.length;
  }
  return { transform: columnsOf(graph.concat(blocks), width) };
};

/** Each term of one degree less times each column that is not behind its first. */
function timesFirst(
  { graph, columns, estimator }: Part,
  x: Value,
  { value, terms }: { value: Value; terms: number[][] },
  only: boolean,
): { value: Value; terms: number[][] } {
  const next: number[][] = [];
  const firsts: number[] = [];
  const rests: number[] = [];
  for (const first of columns.keys()) {
    for (const [at, term] of terms.entries()) {
      const lead = term[0] ?? 0;
      if (only ? lead <= first : lead < first) continue;
      if (next.length >= termsMax) throw estimator.unknown("degree");
      next.push([first, ...term]);
      firsts.push(first);
      rests.push(at);
    }
  }
  if (next.length === 0) return { value, terms: [] };
  const product = graph.mul(graph.columns(value, rests), graph.columns(x, firsts));
  return { value: product, terms: next };
}

export const lowerQuantiles: Lowering = (part) => {
  const { estimator, graph } = part;
  if (estimator.text("output_distribution") !== "uniform") {
    throw estimator.unknown("output_distribution");
  }
  // Up to 0.20 the ends were moved inwards by 1e-7.
  if (estimator.release < 0.021) throw estimator.unknown("_sklearn_version");
  const x = numbersIn(part, "missing");
  const { shape, values } = estimator.doubles("quantiles_", 2);
  const references = [...estimator.doubles("references_", 1).values];
  const [count = 0, width = 0] = shape;
  const columns = Array.from({ length: width }, (_, at) => {
    const quantiles = Array.from({ length: count }, (_, row) => values[row * width + at] ?? 0);
    const column = graph.columns(x, [at]);
    // From both sides, so that a value that many rows had is in their middle.
    const up = interpolated(graph, column, quantiles, references);
    const minus = (list: readonly number[]) => [...list].reverse().map((one) => -one);
    const turned = graph.node("Neg", [column]);
    const down = interpolated(graph, turned, minus(quantiles), minus(references));
    const middle = graph.mul(graph.double(0.5), graph.sub(up, down));
    const least = graph.node("Equal", [column, graph.double(quantiles[0] ?? 0)]);
    const most = graph.node("Equal", [column, graph.double(quantiles.at(-1) ?? 0)]);
    const bounded = graph.where(most, graph.double(1), middle);
    const whole = graph.where(least, graph.double(0), bounded);
    return graph.where(graph.node("IsNaN", [column]), column, whole);
  });
  return transformed(part, graph.concat(columns));
};

export const lowerBins: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part, "finite");
  const encode = estimator.text("encode");
  // Up to 1.0, what is a hair below an edge counts as on it.
  const nearly = estimator.release < 1.001;
  const blocks: Value[] = [];
  let width = 0;
  for (const [at, item] of estimator.items("bin_edges_").entries()) {
    const edges = edgesOf(part, item);
    const inner = edges.slice(1, -1);
    const own = graph.columns(x, [at]);
    const hair = graph.add(
      graph.double(1e-8),
      graph.mul(graph.double(1e-5), graph.node("Abs", [own])),
    );
    const column = nearly ? graph.add(own, hair) : own;
    const above =
      inner.length === 0
        ? graph.mul(own, graph.double(0))
        : graph.rowSum(
            graph.cast(
              graph.node("GreaterOrEqual", [column, graph.doubles(inner, [1, inner.length])]),
              "FP64",
            ),
          );
    if (encode === "ordinal") {
      blocks.push(above);
      width += 1;
      continue;
    }
    if (encode !== "onehot" && encode !== "onehot-dense") throw estimator.unknown("encode");
    const bins = Math.max(1, edges.length - 1);
    const numbers = graph.doubles(
      Array.from({ length: bins }, (_, bin) => bin),
      [1, bins],
    );
    blocks.push(graph.cast(graph.node("Equal", [above, numbers]), "FP64"));
    width += bins;
  }
  return { transform: columnsOf(graph.concat(blocks), width) };
};

function edgesOf({ estimator }: Part, item: unknown): number[] {
  if (typeof item === "object" && item !== null && "elements" in item) {
    if (item.elements instanceof Float64Array) return [...item.elements];
  }
  throw estimator.unknown("bin_edges_");
}
