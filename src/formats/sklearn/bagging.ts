import type { Value } from "../onnx/build.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import { doublesOf } from "./attributes.ts";
import { byProba, outliers } from "./classify.ts";
import { type Column, matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";
import { rounded } from "./single.ts";
import { treeOf, withValues } from "./trees.ts";
import { addAll, indexOf, oneHot, probaOf } from "./votes.ts";

/** Many estimators of one kind, each of its own rows or columns: AdaBoost, bagging, isolation. */

export const lowerAdaBoostClassifier: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const labels = classesOf(estimator);
  const count = labels.values.length;
  const all = estimator.children("estimators_").map((one) => part.lower(one, columns));
  const weights = [...estimator.doubles("estimator_weights_").values].slice(0, all.length);
  const total = weights.reduce((sum, one) => sum + one, 0);
  const real = estimator.text("algorithm", "SAMME") === "SAMME.R";
  const each = all.map((one, at) => {
    if (real) return realVote(part, probaOf(one, estimator), count);
    const hot = oneHot(part, indexOf(one, estimator), count);
    const weight = graph.double(weights[at] ?? 0);
    if (estimator.release < 1.003) return graph.mul(hot, weight);
    const against = graph.double(-(weights[at] ?? 0) / (count - 1));
    return graph.where(graph.cast(hot, "BOOL"), weight, against);
  });
  const decision = graph.div(addAll(part, each), graph.double(real ? all.length : total));
  const old = estimator.release < 0.022 && !real;
  if (count === 2) {
    const flat = graph.reshape(
      graph.sub(graph.columns(decision, [1]), graph.columns(decision, [0])),
      [-1],
    );
    const half = graph.div(graph.reshape(flat, [-1, 1]), graph.double(2));
    const proba = graph.softmax(graph.concat([graph.node("Neg", [half]), half]));
    const above = graph.cast(graph.node("Greater", [flat, graph.double(0)]), "INT64");
    return {
      classes: { index: above, labels },
      decision: { value: flat, width: undefined },
      ...(old ? {} : { proba: { value: proba, width: 2 } }),
    };
  }
  const proba = graph.softmax(graph.div(decision, graph.double(count - 1)));
  return {
    classes: { index: graph.argMax(decision), labels },
    decision: { value: decision, width: count },
    ...(old ? {} : { proba: { value: proba, width: count } }),
  };
};

/** SAMME.R: (K − 1) (log p − mean log p). */
function realVote({ graph }: Part, proba: Value, count: number): Value {
  const safe = graph.node("Max", [proba, graph.double(2 ** -52)]);
  const logs = graph.log(safe);
  const mean = graph.mul(graph.double(1 / count), graph.rowSum(logs));
  return graph.mul(graph.double(count - 1), graph.sub(logs, mean));
}

/** The median of what the estimators say, by their weights. */
export const lowerAdaBoostRegressor: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const all = estimator.children("estimators_").map((one) => part.lower(one, columns).predict);
  const weights = [...estimator.doubles("estimator_weights_").values].slice(0, all.length);
  const answers = graph.concat(all.map((one) => graph.reshape(one?.value ?? "", [-1, 1])));
  const attributes = { axis: { int: 1 }, largest: { int: 0 }, sorted: { int: 1 } };
  const [sorted = "", order = ""] = graph.nodes("TopK", [answers, graph.ints([all.length])], 2, {
    attributes,
  });
  const summed = graph.node("CumSum", [
    graph.gather(graph.doubles(weights), order),
    graph.ints([1], []),
  ]);
  const whole = graph.columns(summed, [all.length - 1]);
  const enough = graph.node("GreaterOrEqual", [summed, graph.mul(graph.double(0.5), whole)]);
  const first = graph.reshape(graph.argMax(graph.cast(enough, "INT32")), [-1, 1]);
  const value = graph.node("GatherElements", [sorted, first], { attributes: { axis: { int: 1 } } });
  return { predict: { value: graph.reshape(value, [-1]), width: undefined } };
};

/** The columns that each estimator of a bagging was given. */
function drawn({ estimator, columns }: Part): readonly (readonly Column[])[] {
  return estimator.items("estimators_features_").map((item) => {
    const indices = doublesOf(item, estimator, "estimators_features_").values;
    return Array.from(indices, (at) => {
      const column = columns[at];
      if (column === undefined) throw estimator.unknown("estimators_features_");
      return column;
    });
  });
}

export const lowerBaggingClassifier: Lowering = (part) => {
  const { estimator, graph } = part;
  const labels = classesOf(estimator);
  const count = labels.values.length;
  const features = drawn(part);
  const all = estimator.children("estimators_").map((one, at) => {
    if (classesOf(one).values.length !== count) throw estimator.unknown("estimators_");
    return part.lower(one, features[at] ?? []);
  });
  const each = all.map((one) => one.proba?.value ?? oneHot(part, indexOf(one, estimator), count));
  const proba = graph.div(addAll(part, each), graph.double(all.length));
  const decisions = all.map((one) => one.decision);
  const decision =
    decisions.every((one) => one !== undefined) && decisions[0] !== undefined
      ? {
          value: graph.div(
            addAll(
              part,
              decisions.map((one) => one.value),
            ),
            graph.double(all.length),
          ),
          width: decisions[0].width,
        }
      : undefined;
  return { ...byProba(graph, labels, proba), ...(decision === undefined ? {} : { decision }) };
};

export const lowerBaggingRegressor: Lowering = (part) => {
  const { estimator, graph } = part;
  const features = drawn(part);
  const all = estimator
    .children("estimators_")
    .map((one, at) => part.lower(one, features[at] ?? []).predict);
  const sum = addAll(
    part,
    all.map((one) => one?.value ?? ""),
  );
  return { predict: { value: graph.div(sum, graph.double(all.length)), width: all[0]?.width } };
};

const euler = 0.5772156649015329;

/** How long a path is on average in a tree of so many samples. */
function averagePath(samples: number, release: number): number {
  if (samples <= 1) return release < 0.021 ? 1 : 0;
  if (samples <= 2 && release >= 0.021) return 1;
  return 2 * (Math.log(samples - 1) + euler) - (2 * (samples - 1)) / samples;
}

export const lowerIsolationForest: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const { release } = estimator;
  restrict(columns, release >= 1.006 ? "missing" : "finite");
  const x = rounded(graph, matrixOf(graph, columns));
  const features = drawn(part).map((own) => own.map((column) => columns.indexOf(column)));
  const trees = estimator.children("estimators_").map((one, at) => {
    const { tree, samples } = treeOf(one);
    const depths = new Float64Array(tree.left.length).fill(1);
    for (let node = 0; node < depths.length; node += 1) {
      for (const child of [tree.left[node] ?? -1, tree.right[node] ?? -1]) {
        if (child >= 0) depths[child] = (depths[node] ?? 0) + 1;
      }
    }
    const moved = tree.feature.map((feature) => features[at]?.[feature] ?? 0);
    const deep = withValues(
      tree,
      (node) => (depths[node] ?? 0) + averagePath(samples[node] ?? 0, release) - 1,
    );
    return { ...deep, feature: moved };
  });
  const depth = lowerEnsemble(graph, x, {
    trees,
    targets: trees.map(() => 0),
    targetCount: 1,
    comparison: "leq",
  });
  const most = estimator.number("_max_samples", "max_samples_");
  const whole = graph.double(trees.length * averagePath(most, release));
  const power = graph.node("Neg", [graph.div(graph.reshape(depth, [-1]), whole)]);
  const score = graph.node("Neg", [graph.node("Pow", [graph.double(2), power])]);
  const decision = graph.sub(score, graph.double(estimator.number("offset_", "_offset_")));
  return outliers(graph, decision);
};
