import type { Value } from "../onnx/build.ts";
import type { Attributes, Doubles } from "./attributes.ts";
import { byDecision, normalized, oneVsRest, pairOf } from "./classify.ts";
import { areSingle, columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Numbers, Part } from "./fitted.ts";
import { classesOf, type Labels } from "./labels.ts";
import { rounded, singleProduct, singleSigmoid, singleSoftmax } from "./single.ts";

/** Linear models: X · coef_ᵀ + intercept_. */

/** [N] for coefficients [F] (and [1, F] where `flat`), [N, K] for [K, F]. */
function linear(part: Part, flat: boolean): Numbers {
  const { estimator, columns, graph } = part;
  restrict(columns, "finite");
  const x = matrixOf(graph, columns);
  const coefficients = estimator.doubles("coef_");
  const intercept = estimator.maybeDoubles(["intercept_"]) ?? zero;
  const product = isSingle(part)
    ? singleProduct(graph, x, coefficients)
    : graph.matmul(x, weightsOf(graph, coefficients));
  const added = graph.add(product, graph.doubles(intercept.values, [intercept.values.length]));
  const sum = isSingle(part) ? rounded(graph, added) : added;
  const [rows = 1] = coefficients.shape;
  if (coefficients.shape.length === 1 || (flat && rows === 1)) {
    return { value: graph.reshape(sum, [-1]), width: undefined };
  }
  return { value: sum, width: rows };
}

/** What was fitted to numbers in single precision computes in it where it is given such. */
function isSingle({ estimator, columns }: Part): boolean {
  return areSingle(columns) && estimator.isSingle("coef_");
}

const zero: Doubles = { shape: [], values: Float64Array.of(0) };

function weightsOf(graph: Part["graph"], { shape, values }: Doubles): Value {
  const [rows = 1, width = rows] = shape.length === 1 ? [1, shape[0]] : shape;
  return graph.doubles(transposed(values, rows, width), [width, rows]);
}

export function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let at = 0; at < columns; at += 1) {
      out[at * rows + row] = values[row * columns + at] ?? 0;
    }
  }
  return out;
}

export const lowerLinearRegressor: Lowering = (part) => ({ predict: linear(part, false) });

/** A decision, and no probabilities. */
export const lowerLinearClassifier: Lowering = (part) => {
  const { value, width } = linear(part, true);
  return byDecision(part.graph, classesOf(part.estimator), value, width);
};

/** Of one label a row, or of several: then each has a decision of its own. */
export const lowerRidgeClassifier: Lowering = (part) => {
  const { estimator, graph } = part;
  const binarizer =
    estimator.get("_label_binarizer") === undefined
      ? undefined
      : estimator.child("_label_binarizer");
  if (binarizer?.get("y_type_") !== "multilabel-indicator") return lowerLinearClassifier(part);
  const { value, width = 1 } = linear(part, false);
  const above = graph.cast(graph.node("Greater", [value, graph.double(0)]), "INT64");
  const labels = { datatype: "INT64", values: [0, 1] } as const;
  return { manyClasses: { value: above, width, labels }, decision: { value, width } };
};

export const lowerLogistic: Lowering = (part) => {
  const { graph, estimator } = part;
  const labels = classesOf(estimator);
  const { value, width } = linear(part, true);
  const shares = isOneVsRest(estimator, labels);
  const both = width === undefined && !shares ? bothSides(part, value) : value;
  const proba = isSingle(part)
    ? singleShares(part, both, width, shares)
    : shares
      ? oneVsRest(graph, value, width)
      : graph.softmax(both);
  return {
    ...byDecision(graph, labels, value, width),
    proba: { value: proba, width: labels.values.length },
  };
};

/** Probabilities in single precision, of each class against the rest or of all together. */
function singleShares(
  { graph, estimator }: Part,
  decision: Value,
  width: number | undefined,
  shares: boolean,
): Value {
  if (!shares) return singleSoftmax(graph, decision);
  if (width !== undefined) throw estimator.unknown("multi_class");
  return pairOf(graph, singleSigmoid(graph, decision));
}

/** The rule by which LogisticRegression.predict_proba chooses. */
function isOneVsRest(estimator: Attributes, { values }: Labels): boolean {
  const kind = estimator.text("multi_class", "deprecated");
  switch (kind) {
    case "ovr":
      return true;
    case "multinomial":
      return false;
    case "auto":
    case "warn":
    case "deprecated":
      // Before "auto" came (0.22) a model that was given nothing was of one against the rest.
      if (kind === "warn") return true;
      return values.length <= 2 || estimator.text("solver") === "liblinear";
    default:
      throw estimator.unknown("multi_class");
  }
}

/** [−d, d]. */
function bothSides({ graph }: Part, decision: Value): Value {
  const column = graph.reshape(decision, [-1, 1]);
  return graph.concat([graph.node("Neg", [column]), column]);
}

export const lowerSgdClassifier: Lowering = (part) => {
  const { graph, estimator } = part;
  const labels = classesOf(estimator);
  const { value, width } = linear(part, true);
  const decided = byDecision(graph, labels, value, width);
  const loss = estimator.text("loss");
  const count = labels.values.length;
  switch (loss) {
    case "log":
    case "log_loss":
      return { ...decided, proba: { value: oneVsRest(graph, value, width), width: count } };
    case "modified_huber": {
      const clipped = graph.node("Clip", [value, graph.double(-1), graph.double(1)]);
      const p = graph.div(graph.add(clipped, graph.double(1)), graph.double(2));
      const proba = width === undefined ? pairOf(graph, p) : normalized(graph, p, count);
      return { ...decided, proba: { value: proba, width: count } };
    }
    case "hinge":
    case "squared_hinge":
    case "perceptron":
    case "squared_error":
    case "squared_loss":
    case "huber":
    case "epsilon_insensitive":
    case "squared_epsilon_insensitive":
      return decided;
    default:
      throw estimator.unknown("loss");
  }
};

/** PoissonRegressor and its like: the inverse of their link. */
export const lowerGeneralized: Lowering = (part) => {
  const { graph, estimator } = part;
  const { value, width } = linear(part, false);
  if (estimator.name !== "TweedieRegressor") {
    return { predict: { value: graph.exp(value), width } };
  }
  const link = estimator.text("link", "auto");
  if (link !== "auto" && link !== "log" && link !== "identity") throw estimator.unknown("link");
  const log = link === "log" || (link === "auto" && estimator.number("power") > 0);
  return { predict: { value: log ? graph.exp(value) : value, width } };
};

export const lowerDiscriminant: Lowering = (part) => {
  const { graph, estimator } = part;
  const labels = classesOf(estimator);
  const { value, width } = linear(part, true);
  const old = estimator.release < 0.022;
  const proba = width === undefined || old ? oneVsRest(graph, value, width) : graph.softmax(value);
  const decided: Fitted = {
    ...byDecision(graph, labels, value, width),
    proba: { value: proba, width: labels.values.length },
  };
  const scalings = estimator.maybeDoubles(["scalings_"], 2);
  return scalings === undefined ? decided : { ...decided, transform: projected(part, scalings) };
};

function projected({ graph, estimator, columns }: Part, scalings: Doubles) {
  const [features = 0, found = 0] = scalings.shape;
  const kept = Math.min(found, estimator.maybeNumber("_max_components") ?? found);
  const chosen = new Float64Array(features * kept);
  for (let row = 0; row < features; row += 1) {
    for (let at = 0; at < kept; at += 1) {
      chosen[row * kept + at] = scalings.values[row * found + at] ?? 0;
    }
  }
  const x = matrixOf(graph, columns);
  const mean = estimator.maybeDoubles(["xbar_"], 1);
  const centred = mean === undefined ? x : graph.sub(x, graph.doubles(mean.values));
  return columnsOf(graph.matmul(centred, graph.doubles(chosen, [features, kept])), kept);
}

/** Regressors whose intercept_ is an array of one number though their answer is [N]. */
export const lowerLinearSingle: Lowering = (part) => ({ predict: linear(part, true) });
