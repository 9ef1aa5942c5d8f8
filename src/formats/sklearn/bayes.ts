import type { Value } from "../onnx/build.ts";
import { doublesOf } from "./attributes.ts";
import { logNormalized } from "./classify.ts";
import { matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf, labelsOf } from "./labels.ts";
import { transposed } from "./linear.ts";

/** Naive Bayes: the joint logarithm of each class. */

function fromJoint({ graph, estimator }: Part, joint: Value): Fitted {
  const labels = classesOf(estimator);
  const proba = { value: logNormalized(graph, joint), width: labels.values.length };
  return { classes: { index: graph.argMax(joint), labels }, proba };
}

function numbersIn({ columns, graph }: Part): Value {
  restrict(columns, "finite");
  return matrixOf(graph, columns);
}

/** X · weightsᵀ + constants. */
function linearJoint(
  { graph }: Part,
  x: Value,
  weights: Float64Array,
  constants: Float64Array,
): Value {
  const count = constants.length;
  const width = weights.length / count;
  const product = graph.matmul(x, graph.doubles(transposed(weights, count, width), [width, count]));
  return graph.add(product, graph.doubles(constants));
}

export const lowerGaussianNb: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part);
  const theta = estimator.doubles("theta_", 2);
  const variance = estimator.maybeDoubles(["var_", "sigma_"], 2) ?? estimator.doubles("var_");
  const prior = estimator.doubles("class_prior_").values;
  const [count = 0, width = 0] = theta.shape;
  const joints = Array.from({ length: count }, (_, at) => {
    const mean = theta.values.slice(at * width, (at + 1) * width);
    const own = variance.values.slice(at * width, (at + 1) * width);
    const constant = -0.5 * own.reduce((sum, one) => sum + Math.log(2 * Math.PI * one), 0);
    const away = graph.sub(x, graph.doubles(mean));
    const squares = graph.div(graph.mul(away, away), graph.doubles(own));
    const half = graph.mul(graph.double(-0.5), graph.rowSum(squares));
    return graph.add(half, graph.double(constant + Math.log(prior[at] ?? 1)));
  });
  return fromJoint(part, graph.concat(joints));
};

export const lowerMultinomialNb: Lowering = (part) => {
  const { estimator } = part;
  const weights = estimator.doubles("feature_log_prob_", 2).values;
  return fromJoint(
    part,
    linearJoint(part, numbersIn(part), weights, estimator.doubles("class_log_prior_").values),
  );
};

export const lowerComplementNb: Lowering = (part) => {
  const { estimator } = part;
  const weights = estimator.doubles("feature_log_prob_", 2).values;
  const prior = estimator.doubles("class_log_prior_").values;
  // The prior counts only where there is but one class.
  const constants = prior.length === 1 ? prior : new Float64Array(prior.length);
  return fromJoint(part, linearJoint(part, numbersIn(part), weights, constants));
};

export const lowerBernoulliNb: Lowering = (part) => {
  const { estimator, graph } = part;
  let x = numbersIn(part);
  const threshold = estimator.maybeNumber("binarize");
  if (threshold !== undefined) {
    x = graph.cast(graph.node("Greater", [x, graph.double(threshold)]), "FP64");
  }
  const log = estimator.doubles("feature_log_prob_", 2).values;
  const without = log.map((one) => Math.log(1 - Math.exp(one)));
  const prior = estimator.doubles("class_log_prior_").values;
  const width = log.length / prior.length;
  const weights = log.map((one, at) => one - (without[at] ?? 0));
  const constants = prior.map((one, at) =>
    without.slice(at * width, (at + 1) * width).reduce((sum, part) => sum + part, one),
  );
  return fromJoint(part, linearJoint(part, x, weights, constants));
};

export const lowerCategoricalNb: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part);
  const tables = estimator.items("feature_log_prob_").map((item, at) => {
    const { shape, values } = doublesOf(item, estimator, "feature_log_prob_");
    const [count = 0, width = 0] = shape;
    const table = graph.doubles(transposed(values, count, width), [width, count]);
    const code = graph.cast(graph.reshape(graph.columns(x, [at]), [-1]), "INT64");
    return graph.gather(table, code);
  });
  const [first = x, ...more] = tables;
  const sum = more.reduce((all, one) => graph.add(all, one), first);
  return fromJoint(
    part,
    graph.add(sum, graph.doubles(estimator.doubles("class_log_prior_").values)),
  );
};

export const lowerQuadratic: Lowering = (part) => {
  const { estimator, graph } = part;
  const x = numbersIn(part);
  const means = estimator.doubles("means_", 2);
  const [, width = 0] = means.shape;
  const priors = estimator.doubles("priors_").values;
  const rotations = estimator.items("rotations_");
  const decisions = estimator.items("scalings_").map((item, at) => {
    const scaling = doublesOf(item, estimator, "scalings_").values;
    const rotation = doublesOf(rotations[at] ?? null, estimator, "rotations_");
    const [rows = 0, columns = 0] = rotation.shape;
    const scaled = rotation.values.map(
      (one, place) => one * (scaling[place % columns] ?? 1) ** -0.5,
    );
    const away = graph.sub(x, graph.doubles(means.values.slice(at * width, (at + 1) * width)));
    const squares = graph.rowSquares(graph.matmul(away, graph.doubles(scaled, [rows, columns])));
    const log = scaling.reduce((sum, one) => sum + Math.log(one), 0);
    const half = graph.mul(graph.double(-0.5), graph.add(squares, graph.double(log)));
    return graph.add(half, graph.double(Math.log(priors[at] ?? 1)));
  });
  const values = graph.concat(decisions);
  const labels = labelsOf(estimator.get("classes_") ?? null);
  const count = labels.values.length;
  const flat = graph.reshape(
    graph.sub(graph.columns(values, [1]), graph.columns(values, [0])),
    [-1],
  );
  return {
    classes: { index: graph.argMax(values), labels },
    proba: { value: graph.softmax(values), width: count },
    decision: count === 2 ? { value: flat, width: undefined } : { value: values, width: count },
  };
};
