import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import { checkTree, stump, type Tree } from "../trees/ensemble.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import { Attributes } from "./attributes.ts";
import { pairOf } from "./classify.ts";
import { columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { categoriesBefore } from "./histogram-categories.ts";
import { classesOf } from "./labels.ts";
import { rounded } from "./single.ts";
import { Records, treeInput, treeOf, withValues } from "./trees.ts";

/** Gradient boosting: a base, and trees that are added to it one after the other. */

interface Base {
  /** One for each sum, the same for all rows. */
  readonly constant?: readonly number[];
  /** [N, sums]. */
  readonly rows?: Value;
}

/** Trees by iteration and sum, from the base on, in the order in which the library adds. */
function sumOf(part: Part, x: Value, trees: readonly (readonly Tree[])[], base: Base): Value {
  const { graph } = part;
  const count = trees[0]?.length ?? 0;
  const constant = base.constant ?? [];
  const all = [...constant.map(stump), ...trees.flat()];
  const targets = [...constant.keys(), ...trees.flatMap((iteration) => [...iteration.keys()])];
  const sum = lowerEnsemble(graph, x, {
    trees: all,
    targets,
    targetCount: count,
    comparison: "leq",
  });
  return base.rows === undefined ? sum : graph.add(base.rows, sum);
}

/** GradientBoostingClassifier and GradientBoostingRegressor. */
export const lowerGradientBoosting: Lowering = (part) => {
  const { estimator, graph } = part;
  const iterations = estimator.get("estimators_");
  if (typeof iterations !== "object" || iterations.kind !== "array") {
    throw new FormatError(`${estimator.name} has no array of estimators_`);
  }
  const [, sums = 1] = iterations.shape;
  const rate = estimator.number("learning_rate");
  const flat = estimator.children("estimators_").map((one) => {
    const { tree, values } = treeOf(one);
    return withValues(tree, (node) => (values.values[node] ?? 0) * rate);
  });
  const trees = Array.from({ length: flat.length / sums }, (_, at) =>
    flat.slice(at * sums, (at + 1) * sums),
  );
  const x = treeInput(part);
  const raw = sumOf(part, x, trees, baseOf(part, sums));
  if (estimator.name.endsWith("Regressor")) {
    return { predict: { value: graph.reshape(raw, [-1]), width: undefined } };
  }
  const loss = estimator.text("loss");
  if (!["deviance", "log_loss", "exponential"].includes(loss)) throw estimator.unknown("loss");
  return classified(part, raw, sums, loss === "exponential" ? 2 : 1);
};

/** Classes and probabilities of sums: one for two classes, else one for each. */
function classified({ graph, estimator }: Part, raw: Value, sums: number, factor: number): Fitted {
  const labels = classesOf(estimator);
  if (sums > 1) {
    return {
      classes: { index: graph.argMax(raw), labels },
      proba: { value: graph.softmax(raw), width: sums },
      decision: { value: raw, width: sums },
    };
  }
  const flat = graph.reshape(raw, [-1]);
  const second = graph.sigmoid(factor === 1 ? flat : graph.mul(graph.double(factor), flat));
  const above = graph.node("GreaterOrEqual", [flat, graph.double(0)]);
  return {
    classes: { index: graph.cast(above, "INT64"), labels },
    proba: { value: pairOf(graph, second), width: 2 },
    decision: { value: flat, width: undefined },
  };
}

/** How near to 0 and 1 the first probabilities may be. */
function epsilonOf({ release }: Attributes): number {
  return release >= 1.008 ? 2 ** -52 : 2 ** -23;
}

function baseOf(part: Part, sums: number): Base {
  const { estimator, graph, columns } = part;
  const init = estimator.get("init_", "init");
  if (init === "zero") return { constant: Array.from({ length: sums }, () => 0) };
  const first = Attributes.of(init, "init_");
  const constant = constantOf(part, first, sums);
  if (constant !== undefined) return { constant };
  if (!firsts.test(first.name)) throw estimator.unknown("init");
  const x = rounded(graph, matrixOf(graph, columns));
  const inner = part.lower(first, columnsOf(x, columns.length, true));
  if (inner.predict !== undefined && inner.proba === undefined) {
    return { rows: graph.reshape(inner.predict.value, [-1, 1]) };
  }
  if (inner.proba === undefined) throw estimator.unknown("init");
  const epsilon = epsilonOf(estimator);
  const low = graph.double(epsilon);
  const p = graph.node("Clip", [inner.proba.value, low, graph.double(1 - epsilon)]);
  const logs = graph.log(p);
  if (sums > 1) {
    return {
      rows: centred(estimator)
        ? graph.sub(logs, graph.div(graph.rowSum(logs), graph.double(sums)))
        : logs,
    };
  }
  const second = graph.columns(p, [1]);
  const odds = graph.div(second, graph.sub(graph.double(1), second));
  const scale = estimator.text("loss") === "exponential" ? 0.5 : 1;
  return { rows: graph.mul(graph.double(scale), graph.log(odds)) };
}

/** Those of which it is known how they compute with numbers in single precision. */
const firsts =
  /^(LinearRegression|Ridge|Lasso|ElasticNet|LogisticRegression|SV[CR]|.*Tree.*|RandomForest.*)$/;

/** From 1.4 on, the logarithms of the shares of classes are taken about their mean. */
function centred(estimator: Attributes): boolean {
  return estimator.release >= 1.004;
}

/** What does not depend on the row; `undefined` where an estimator has to be asked. */
function constantOf({ estimator }: Part, init: Attributes, sums: number) {
  switch (init.name) {
    case "DummyRegressor":
      return [...init.doubles("constant_").values];
    case "QuantileEstimator":
      return [init.number("quantile")];
    case "MeanEstimator":
      return [init.number("mean")];
    case "LogOddsEstimator":
    case "ScaledLogOddsEstimator":
      return [init.number("prior")];
    case "PriorProbabilityEstimator":
      return [...init.doubles("priors").values];
    case "ZeroEstimator":
      return Array.from({ length: sums }, () => 0);
    case "DummyClassifier":
      break;
    default:
      return undefined;
  }
  const prior = init.doubles("class_prior_").values;
  const epsilon = epsilonOf(estimator);
  const clipped = [...prior].map((p) => Math.min(Math.max(p, epsilon), 1 - epsilon));
  if (sums === 1) {
    const p = clipped[1] ?? 0;
    const odds = Math.log(p / (1 - p));
    return [estimator.text("loss") === "exponential" ? 0.5 * odds : odds];
  }
  if (!centred(estimator)) return clipped.map((p) => Math.log(p));
  const mean = Math.exp(clipped.reduce((sum, p) => sum + Math.log(p), 0) / clipped.length);
  return clipped.map((p) => Math.log(p / mean));
}

/** HistGradientBoostingClassifier and -Regressor. */
export const lowerHistogramBoosting: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  restrict(columns, "any");
  const before = categoriesBefore(part, matrixOf(graph, columns));
  const trees = estimator.items("_predictors").map((iteration) => {
    if (
      typeof iteration !== "object" ||
      (iteration?.kind !== "list" && iteration?.kind !== "tuple")
    ) {
      throw new FormatError(`${estimator.name} has no list of _predictors`);
    }
    return iteration.items.map((one) =>
      histogramTree(Attributes.of(one, "a predictor"), before.width),
    );
  });
  const constant = [...estimator.doubles("_baseline_prediction").values];
  const sums = trees[0]?.length ?? constant.length;
  const raw = sumOf(part, before.x, trees, { constant });
  if (estimator.name.endsWith("Classifier")) return classified(part, raw, sums, 1);
  const flat = graph.reshape(raw, [-1]);
  const loss = estimator.text("loss");
  switch (loss) {
    case "poisson":
    case "gamma":
      return { predict: { value: graph.exp(flat), width: undefined } };
    case "squared_error":
    case "least_squares":
    case "absolute_error":
    case "least_absolute_deviation":
    case "quantile":
      return { predict: { value: flat, width: undefined } };
    default:
      throw estimator.unknown("loss");
  }
};

function histogramTree(predictor: Attributes, width: number): Tree {
  const nodes = predictor.get("nodes");
  if (typeof nodes !== "object" || nodes.kind !== "array") throw new FormatError("no nodes");
  const records = new Records(nodes);
  const leaf = records.column("is_leaf");
  const childOf = (name: string) =>
    Int32Array.from(records.column(name), (child, at) => (leaf[at] === 1 ? -1 : child));
  const thresholds = records.has("num_threshold") ? "num_threshold" : "threshold";
  const tree: Tree = {
    left: childOf("left"),
    right: childOf("right"),
    feature: Int32Array.from(records.column("feature_idx")),
    threshold: records.column(thresholds),
    missingLeft: Uint8Array.from(records.column("missing_go_to_left", 0)),
    value: records.column("value"),
    members: membersOf(predictor, records, leaf),
  };
  checkTree(tree, width);
  return tree;
}

function membersOf(predictor: Attributes, records: Records, leaf: Float64Array) {
  const members = new Map<number, number[]>();
  const categorical = records.column("is_categorical", 0);
  const rows = records.column("bitset_idx", 0);
  const bitsets = predictor.maybeDoubles(["raw_left_cat_bitsets"]);
  for (const [node, is] of categorical.entries()) {
    if (is === 0 || leaf[node] === 1) continue;
    const own: number[] = [];
    for (let value = 0; value < 256; value += 1) {
      const word = bitsets?.values[(rows[node] ?? 0) * 8 + (value >> 5)] ?? 0;
      if (Math.floor(word / 2 ** (value & 31)) % 2 === 1) own.push(value);
    }
    members.set(node, own);
  }
  return members;
}
