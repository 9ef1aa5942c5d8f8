import type { Value } from "../onnx/build.ts";
import { logNormalized, outliers } from "./classify.ts";
import { columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { transposed } from "./linear.ts";

/** Projections, clusters and mixtures. */

function numbersIn({ columns, graph }: Part): Value {
  restrict(columns, "finite");
  return matrixOf(graph, columns);
}

/** X · componentsᵀ. */
function projected({ graph, estimator }: Part, x: Value, name = "components_") {
  const { shape, values } = estimator.doubles(name, 2);
  const [rows = 0, width = 0] = shape;
  return {
    value: graph.matmul(x, graph.doubles(transposed(values, rows, width), [width, rows])),
    width: rows,
  };
}

export const lowerPca: Lowering = (part) => {
  const { estimator, graph } = part;
  const mean = estimator.maybeDoubles(["mean_"], 1);
  const x = numbersIn(part);
  const centred = mean === undefined ? x : graph.sub(x, graph.doubles(mean.values));
  const { value, width } = projected(part, centred);
  if (!estimator.flag("whiten", false)) return { transform: columnsOf(value, width) };
  const scale = estimator.doubles("explained_variance_").values.map(Math.sqrt);
  const least = 2 ** -52;
  const safe = scale.map((one) => Math.max(one, least));
  return { transform: columnsOf(graph.div(value, graph.doubles(safe)), width) };
};

export const lowerTruncatedSvd: Lowering = (part) => {
  const { value, width } = projected(part, numbersIn(part));
  return { transform: columnsOf(value, width) };
};

export const lowerRandomProjection: Lowering = (part) => {
  const { value, width } = projected(part, numbersIn(part));
  return { transform: columnsOf(value, width) };
};

/** A robust ellipse: how far outside of it a row lies. */
export const lowerEllipticEnvelope: Lowering = (part) => {
  const { estimator, graph } = part;
  const { shape, values } = estimator.doubles("precision_", 2);
  const location = estimator.doubles("location_", 1).values;
  const away = graph.sub(numbersIn(part), graph.doubles(location));
  const product = graph.matmul(away, graph.doubles(values, shape));
  const distance = graph.rowSum(graph.mul(product, away));
  const score = graph.sub(graph.node("Neg", [distance]), graph.double(estimator.number("offset_")));
  return outliers(graph, graph.reshape(score, [-1]));
};

export const lowerFastIca: Lowering = (part) => {
  const { estimator, graph } = part;
  const mean = estimator.maybeDoubles(["mean_"], 1);
  const x = numbersIn(part);
  const centred = mean === undefined ? x : graph.sub(x, graph.doubles(mean.values));
  const { value, width } = projected(part, centred);
  return { transform: columnsOf(value, width) };
};

/** Squared distances less the square of the row itself: enough to find the nearest. */
function nearness({ graph }: Part, x: Value, centers: Float64Array, count: number): Value {
  const width = centers.length / count;
  const squares = Array.from({ length: count }, (_, row) =>
    centers.slice(row * width, (row + 1) * width).reduce((sum, one) => sum + one * one, 0),
  );
  const dot = graph.matmul(x, graph.doubles(transposed(centers, count, width), [width, count]));
  return graph.sub(graph.doubles(squares, [1, count]), graph.mul(graph.double(2), dot));
}

export const lowerKMeans: Lowering = (part) => {
  const { estimator, graph } = part;
  const { shape, values } = estimator.doubles("cluster_centers_", 2);
  const [count = 0] = shape;
  const x = numbersIn(part);
  const near = nearness(part, x, values, count);
  const attributes = { axis: { int: 1 }, keepdims: { int: 0 } };
  const index = graph.node("ArgMin", [near], { attributes });
  const own = graph.rowSquares(x);
  const squared = graph.node("Max", [graph.add(near, own), graph.double(0)]);
  return {
    predict: { value: graph.cast(index, "INT32"), width: undefined, datatype: "INT32" },
    transform: columnsOf(graph.node("Sqrt", [squared]), count),
  };
};

export const lowerGaussianMixture: Lowering = (part): Fitted => {
  const { estimator, graph } = part;
  const x = numbersIn(part);
  const means = estimator.doubles("means_", 2);
  const weights = estimator.doubles("weights_").values;
  const [count = 0, width = 0] = means.shape;
  const kind = estimator.text("covariance_type");
  const cholesky = estimator.doubles("precisions_cholesky_");
  const logs = Array.from({ length: count }, (_, at) => {
    const mean = means.values.slice(at * width, (at + 1) * width);
    const factor = factorOf(kind, cholesky.values, at, width);
    let log = 0;
    for (let row = 0; row < width; row += 1) log += Math.log(factor[row * width + row] ?? 1);
    const y = graph.matmul(
      graph.sub(x, graph.doubles(mean)),
      graph.doubles(factor, [width, width]),
    );
    const squares = graph.rowSquares(y);
    const constant = -0.5 * width * Math.log(2 * Math.PI) + log + Math.log(weights[at] ?? 1);
    return graph.add(graph.mul(graph.double(-0.5), squares), graph.double(constant));
  });
  const joint = graph.concat(logs);
  const index = graph.argMax(joint);
  return {
    predict: { value: index, width: undefined, datatype: "INT64" },
    proba: { value: logNormalized(graph, joint), width: count },
  };
};

/** The factor of one component, whatever of it is kept. */
function factorOf(kind: string, all: Float64Array, at: number, width: number): Float64Array {
  const square = width * width;
  if (kind === "full") return all.slice(at * square, (at + 1) * square);
  if (kind === "tied") return all;
  const factor = new Float64Array(square);
  for (let row = 0; row < width; row += 1) {
    factor[row * width + row] = (kind === "diag" ? all[at * width + row] : all[at]) ?? 1;
  }
  return factor;
}
