import { neighborElementsMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import { matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";
import { transposed } from "./linear.ts";

/** Nearest neighbours, by the distances to all that were fitted. */

interface Neighbors {
  /** INT64 [N, k]. */
  readonly indices: Value;
  /** Of each neighbour [N, k]; `undefined` where all count the same. */
  readonly weights: Value | undefined;
  readonly count: number;
}

/** Distances [N, M]. */
function distances(part: Part): Value {
  const { estimator, graph, columns } = part;
  restrict(columns, "finite");
  const x = matrixOf(graph, columns);
  const [rows = 0, width = 0] = estimator.doubles("_fit_X", 2).shape;
  if (rows * width > neighborElementsMax) {
    throw new FormatError(
      `${estimator.name} with ${rows} rows of ${width} values is too large to be served`,
    );
  }
  const metric = estimator.text("effective_metric_", estimator.text("metric", "minkowski"));
  const power = powerOf(part, metric);
  if (power === 2 && estimator.text("_fit_method") === "brute") return fromProducts(part, x);
  return byFeatures(part, x, power);
}

/** √(x² − 2xy + y²), by which the library compares with all rows: its own roundings included. */
function fromProducts({ estimator, graph }: Part, x: Value): Value {
  const { shape, values } = estimator.doubles("_fit_X", 2);
  const [rows = 0, width = 0] = shape;
  const turned = transposed(values, rows, width).map((value) => -2 * value);
  const products = graph.matmul(x, graph.doubles(turned, [width, rows]));
  const squares = Float64Array.from({ length: rows }, (_, row) =>
    values.subarray(row * width, (row + 1) * width).reduce((sum, one) => sum + one * one, 0),
  );
  const sum = graph.add(graph.add(graph.rowSquares(x), products), graph.doubles(squares));
  return graph.node("Sqrt", [graph.node("Max", [sum, graph.double(0)])]);
}

/** Added up feature by feature, as a tree of neighbours does it. */
function byFeatures({ estimator, graph }: Part, x: Value, power: number): Value {
  const { shape, values } = estimator.doubles("_fit_X", 2);
  const [rows = 0, width = 0] = shape;
  const byFeature = transposed(values, rows, width);
  let sum: Value | undefined;
  for (let at = 0; at < width; at += 1) {
    const fitted = graph.doubles(byFeature.slice(at * rows, (at + 1) * rows), [1, rows]);
    const away = graph.sub(graph.columns(x, [at]), fitted);
    const size = graph.node("Abs", [away]);
    const term =
      power === 2
        ? graph.mul(away, away)
        : power === 1 || power === Number.POSITIVE_INFINITY
          ? size
          : graph.node("Pow", [size, graph.double(power)]);
    const op = power === Number.POSITIVE_INFINITY ? "Max" : "Add";
    sum = sum === undefined ? term : graph.node(op, [sum, term]);
  }
  if (sum === undefined) throw estimator.unknown("_fit_X");
  if (power === 2) return graph.node("Sqrt", [sum]);
  if (power === 1 || power === Number.POSITIVE_INFINITY) return sum;
  return graph.node("Pow", [sum, graph.double(1 / power)]);
}

function powerOf({ estimator }: Part, metric: string): number {
  switch (metric) {
    case "euclidean":
    case "l2":
      return 2;
    case "manhattan":
    case "cityblock":
    case "l1":
      return 1;
    case "chebyshev":
      return Number.POSITIVE_INFINITY;
    case "minkowski":
      return estimator.number("p");
    default:
      throw estimator.unknown("effective_metric_");
  }
}

function neighborsOf(part: Part): Neighbors {
  const { estimator, graph } = part;
  const all = distances(part);
  const count = estimator.number("n_neighbors");
  const attributes = { axis: { int: 1 }, largest: { int: 0 }, sorted: { int: 1 } };
  const [near = "", indices = ""] = graph.nodes("TopK", [all, graph.ints([count])], 2, {
    attributes,
  });
  const weights = estimator.get("weights");
  if (weights === "uniform" || weights === undefined) return { indices, weights: undefined, count };
  if (weights !== "distance") throw estimator.unknown("weights");
  // Where some are at no distance at all, only they count.
  const same = graph.cast(graph.node("Equal", [near, graph.double(0)]), "FP64");
  const any = graph.cast(graph.rowMax(same), "BOOL");
  return { indices, weights: graph.where(any, same, graph.div(graph.double(1), near)), count };
}

export const lowerNeighborsClassifier: Lowering = (part) => {
  const { estimator, graph } = part;
  if (estimator.flag("outputs_2d_", false)) throw estimator.unknown("outputs_2d_");
  const labels = classesOf(estimator);
  const { indices, weights } = neighborsOf(part);
  const codes = estimator.doubles("_y").values;
  const width = labels.values.length;
  const table = new Float64Array(codes.length * width);
  for (const [row, code] of codes.entries()) table[row * width + code] = 1;
  const votes = graph.gather(graph.doubles(table, [codes.length, width]), indices);
  const weighted =
    weights === undefined
      ? votes
      : graph.mul(votes, graph.node("Unsqueeze", [weights, graph.ints([2])]));
  const sums = graph.sum(weighted);
  return {
    classes: { index: graph.argMax(sums), labels },
    proba: { value: graph.div(sums, graph.rowSum(sums)), width },
  };
};

export const lowerNeighborsRegressor: Lowering = (part) => {
  const { estimator, graph } = part;
  const { indices, weights, count } = neighborsOf(part);
  const { shape, values } = estimator.doubles("_y");
  const [rows = 0, outputs] = shape;
  const width = outputs ?? 1;
  const targets = graph.gather(graph.doubles(values, [rows, width]), indices);
  const column =
    weights === undefined ? undefined : graph.node("Unsqueeze", [weights, graph.ints([2])]);
  const sums = graph.sum(column === undefined ? targets : graph.mul(targets, column));
  const whole = weights === undefined ? graph.double(count) : graph.rowSum(weights);
  const mean = graph.div(sums, whole);
  if (outputs === undefined) {
    return { predict: { value: graph.reshape(mean, [-1]), width: undefined } };
  }
  return { predict: { value: mean, width } };
};

export const lowerNearestCentroid: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const metric = estimator.text("metric", "euclidean");
  if (metric !== "euclidean") throw estimator.unknown("metric");
  restrict(columns, "finite");
  const x = matrixOf(graph, columns);
  const { shape, values } = estimator.doubles("centroids_", 2);
  const [count = 0, width = 0] = shape;
  const all = Array.from({ length: count }, (_, at) => {
    const away = graph.sub(x, graph.doubles(values.slice(at * width, (at + 1) * width)));
    return graph.rowSquares(away);
  });
  const attributes = { axis: { int: 1 }, keepdims: { int: 0 } };
  const index = graph.node("ArgMin", [graph.concat(all)], { attributes });
  return { classes: { index, labels: classesOf(estimator) } };
};
