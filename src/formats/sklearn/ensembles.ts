import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import { type Attributes, doublesOf } from "./attributes.ts";
import { byProba, pairOf } from "./classify.ts";
import { type Column, columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf, labelled } from "./labels.ts";
import { batchwise } from "./svm.ts";
import { rounded, treeOf, withValues } from "./trees.ts";

/** Estimators that ask several others and make one answer of it. */

/** 0s and 1s [N, K] of a class index. */
function oneHot({ graph }: Part, index: Value, width: number): Value {
  const numbers = graph.ints(
    Array.from({ length: width }, (_, at) => at),
    [1, width],
  );
  return graph.cast(graph.node("Equal", [graph.reshape(index, [-1, 1]), numbers]), "FP64");
}

function indexOf(fitted: Fitted, owner: Attributes): Value {
  if (fitted.classes === undefined) throw owner.unknown("estimators_");
  return fitted.classes.index;
}

function probaOf(fitted: Fitted, owner: Attributes): Value {
  if (fitted.proba === undefined) throw owner.unknown("estimators_");
  return fitted.proba.value;
}

function addAll({ graph }: Part, values: readonly Value[]): Value {
  const [first, ...more] = values;
  if (first === undefined) throw new FormatError("an ensemble is empty");
  return more.reduce((sum, value) => graph.add(sum, value), first);
}

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
  const logs = graph.node("Log", [safe]);
  const mean = graph.mul(graph.double(1 / count), graph.sum(logs, 1, true));
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
  return outliers(part, decision);
};

/** −1 below 0, else 1. */
export function outliers({ graph }: Part, decision: Value): Fitted {
  const inside = graph.cast(graph.node("GreaterOrEqual", [decision, graph.double(0)]), "INT64");
  const twice = graph.node("Mul", [inside, graph.ints([2], [])]);
  return {
    predict: {
      value: graph.node("Sub", [twice, graph.ints([1], [])]),
      width: undefined,
      datatype: "INT64",
    },
    decision: { value: decision, width: undefined },
  };
}

/** The estimators of a voting, without those that were dropped, and their weights. */
function voters({ estimator }: Part) {
  const weights = estimator.get("weights");
  const kept = estimator.children("estimators_");
  if (weights === undefined) return { kept, weights: kept.map(() => 1), even: true };
  const dropped = estimator.items("estimators").map((item) => {
    const value =
      typeof item === "object" && (item?.kind === "tuple" || item?.kind === "list")
        ? item.items[1]
        : undefined;
    return value === "drop" || value === null;
  });
  const all = [...doublesOf(weights, estimator, "weights").values];
  return { kept, weights: all.filter((_, at) => dropped[at] !== true), even: false };
}

/** (Σ w a) / Σ w, as numpy averages. */
function averaged(part: Part, values: readonly Value[], weights: readonly number[]): Value {
  const { graph } = part;
  const sum = addAll(
    part,
    values.map((value, at) => graph.mul(value, graph.double(weights[at] ?? 1))),
  );
  return graph.div(sum, graph.double(weights.reduce((all, one) => all + one, 0)));
}

export const lowerVotingClassifier: Lowering = (part) => {
  const { estimator, columns } = part;
  const labels = classesOf(estimator);
  const { kept, weights } = voters(part);
  const all = kept.map((one) => part.lower(one, columns));
  const voting = estimator.text("voting");
  if (voting === "soft") {
    return byProba(
      part.graph,
      labels,
      averaged(
        part,
        all.map((one) => probaOf(one, estimator)),
        weights,
      ),
    );
  }
  if (voting !== "hard") throw estimator.unknown("voting");
  const votes = all.map((one) => oneHot(part, indexOf(one, estimator), labels.values.length));
  const sums = addAll(
    part,
    votes.map((vote, at) => part.graph.mul(vote, part.graph.double(weights[at] ?? 1))),
  );
  return { classes: { index: part.graph.argMax(sums), labels } };
};

export const lowerVotingRegressor: Lowering = (part) => {
  const { kept, weights } = voters(part);
  const all = kept.map((one) => part.lower(one, part.columns).predict?.value ?? "");
  return { predict: { value: averaged(part, all, weights), width: undefined } };
};

export const lowerStacking: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const methods = estimator.items("stack_method_");
  const made = estimator.children("estimators_").flatMap((one, at): readonly Column[] => {
    const fitted = part.lower(one, columns);
    switch (methods[at]) {
      case "predict_proba": {
        const { proba } = fitted;
        if (proba === undefined) throw estimator.unknown("stack_method_");
        const all = columnsOf(proba.value, proba.width);
        // Of two classes one says it all.
        return proba.width === 2 ? all.slice(1) : all;
      }
      case "decision_function":
        return numbersAs(part, fitted.decision);
      case "predict":
        if (fitted.classes === undefined) return numbersAs(part, fitted.predict);
        return columnsOf(graph.reshape(graph.cast(fitted.classes.index, "FP64"), [-1, 1]), 1);
      default:
        throw estimator.unknown("stack_method_", methods[at]);
    }
  });
  const all = estimator.flag("passthrough") ? [...made, ...columns] : made;
  const last = part.lower(estimator.child("final_estimator_"), all);
  if (last.classes === undefined) return last;
  return { ...last, classes: { index: last.classes.index, labels: classesOf(estimator) } };
};

function numbersAs({ graph, estimator }: Part, numbers: Fitted["predict"]): readonly Column[] {
  if (numbers === undefined) throw estimator.unknown("stack_method_");
  if (numbers.width !== undefined) return columnsOf(numbers.value, numbers.width);
  return columnsOf(graph.reshape(numbers.value, [-1, 1]), 1);
}

export const lowerCalibrated: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  const labels = classesOf(estimator);
  const count = labels.values.length;
  const all = estimator
    .children("calibrated_classifiers_")
    .map((one) => calibrated(part, one, columns, count));
  const proba = graph.div(addAll(part, all), graph.double(all.length));
  return byProba(graph, labels, proba);
};

function calibrated(part: Part, one: Attributes, columns: readonly Column[], count: number): Value {
  const { graph } = part;
  const inner = part.lower(one.child("estimator", "base_estimator"), columns);
  const calibrators = one.children("calibrators", "calibrators_");
  let scores: Value;
  if (inner.decision !== undefined) {
    scores =
      inner.decision.width === undefined
        ? graph.reshape(inner.decision.value, [-1, 1])
        : inner.decision.value;
  } else {
    const proba = probaOf(inner, one);
    scores = count === 2 ? graph.columns(proba, [1]) : proba;
  }
  const each = calibrators.map((calibrator, at) =>
    calibration({ ...part, estimator: calibrator }, graph.columns(scores, [at])),
  );
  if (count === 2) return pairOf(graph, each[0] ?? "");
  const raw = graph.concat(each);
  const sum = graph.sum(raw, 1, true);
  const zero = graph.node("Equal", [sum, graph.double(0)]);
  const shares = graph.where(
    zero,
    graph.double(1 / count),
    graph.div(raw, graph.where(zero, graph.double(1), sum)),
  );
  const over = graph.node("Greater", [shares, graph.double(1)]);
  return graph.where(over, graph.double(1), shares);
}

function calibration(part: Part, score: Value): Value {
  const { estimator, graph } = part;
  if (estimator.name === "_SigmoidCalibration") {
    const inner = graph.add(
      graph.mul(graph.double(estimator.number("a_")), score),
      graph.double(estimator.number("b_")),
    );
    return graph.sigmoid(graph.node("Neg", [inner]));
  }
  if (estimator.name === "IsotonicRegression") return isotonic(part, score);
  throw new FormatError(
    `the calibration ${estimator.name} is not supported; export the model to ONNX`,
  );
}

/** Linear between the fitted points, constant outside. */
export function isotonic({ estimator, graph }: Part, x: Value): Value {
  const { xs, ys } = pointsOf(estimator);
  const count = xs.length;
  if (count === 1) return graph.add(graph.mul(x, graph.double(0)), graph.double(ys[0] ?? 0));
  const first = graph.double(xs[0] ?? 0);
  const last = graph.double(xs[count - 1] ?? 0);
  const within = graph.node("Clip", [x, first, last]);
  // How many points lie below: the piece that the value is in.
  const below = graph.node("Greater", [within, graph.doubles(xs, [1, count])]);
  const piece = graph.sub(graph.sum(graph.cast(below, "FP64"), 1, true), graph.double(1));
  const index = graph.cast(
    graph.node("Clip", [piece, graph.double(0), graph.double(count - 2)]),
    "INT64",
  );
  const slopes = xs
    .slice(1)
    .map((right, at) => ((ys[at + 1] ?? 0) - (ys[at] ?? 0)) / (right - (xs[at] ?? 0)));
  const along = graph.mul(
    graph.gather(graph.doubles(slopes), index),
    graph.sub(within, graph.gather(graph.doubles(xs), index)),
  );
  return graph.add(along, graph.gather(graph.doubles(ys), index));
}

function pointsOf(estimator: Attributes): { xs: number[]; ys: number[] } {
  const xs = estimator.maybeDoubles(["X_thresholds_", "_necessary_X_"]);
  const ys = estimator.maybeDoubles(["y_thresholds_", "_necessary_y_"]);
  if (xs !== undefined && ys !== undefined) return { xs: [...xs.values], ys: [...ys.values] };
  const f = estimator.child("f_");
  const flat = (name: string) => [...f.doubles(name).values];
  return { xs: flat("x"), ys: f.has("y") ? flat("y") : flat("_y") };
}

export const lowerIsotonic: Lowering = (part) => {
  const { graph, columns } = part;
  restrict(columns, "finite");
  return {
    predict: {
      value: graph.reshape(isotonic(part, matrixOf(graph, columns)), [-1]),
      width: undefined,
    },
  };
};

/** What an estimator of two classes says of the second. */
function scoreOf(part: Part, one: Attributes): { score: Value; threshold: number } {
  const fitted = part.lower(one, part.columns);
  if (fitted.decision !== undefined)
    return { score: part.graph.reshape(fitted.decision.value, [-1, 1]), threshold: 0 };
  return { score: part.graph.columns(probaOf(fitted, part.estimator), [1]), threshold: 0.5 };
}

export const lowerOneVsRest: Lowering = (part) => {
  const { estimator, graph } = part;
  const labels = classesOf(estimator);
  if (estimator.child("label_binarizer_").text("y_type_", "multiclass").startsWith("multilabel"))
    throw estimator.unknown("label_binarizer_");
  const inner = estimator.children("estimators_");
  const scores = inner.map((one) => scoreOf(part, one));
  const fitted = inner.map((one) => part.lower(one, part.columns));
  const joined = graph.concat(scores.map(({ score }) => score));
  const single = inner.length === 1;
  const flat = graph.reshape(joined, [-1]);
  const index = single
    ? graph.cast(graph.node("Greater", [flat, graph.double(scores[0]?.threshold ?? 0)]), "INT64")
    : graph.argMax(joined);
  const answer: Fitted = {
    classes: { index, labels },
    ...(fitted.every(({ decision }) => decision !== undefined)
      ? {
          decision: single
            ? { value: flat, width: undefined }
            : { value: joined, width: inner.length },
        }
      : {}),
  };
  if (!fitted.every(({ proba }) => proba !== undefined)) return answer;
  const seconds = graph.concat(fitted.map(({ proba }) => graph.columns(proba?.value ?? "", [1])));
  const proba = single ? pairOf(graph, seconds) : graph.div(seconds, graph.sum(seconds, 1, true));
  return { ...answer, proba: { value: proba, width: labels.values.length } };
};

export const lowerOneVsOne: Lowering = (part) => {
  const { estimator, graph } = part;
  const labels = classesOf(estimator);
  const count = labels.values.length;
  if (estimator.get("pairwise_indices_") !== undefined)
    throw estimator.unknown("pairwise_indices_");
  const scores = estimator.children("estimators_").map((one) => scoreOf(part, one));
  const votes: Value[][] = Array.from({ length: count }, () => []);
  const trust: Value[][] = Array.from({ length: count }, () => []);
  let at = 0;
  for (let first = 0; first < count; first += 1) {
    for (let second = first + 1; second < count; second += 1) {
      const { score = "", threshold = 0 } = scores[at] ?? {};
      const won = graph.cast(graph.node("Greater", [score, graph.double(threshold)]), "FP64");
      votes[first]?.push(graph.sub(graph.double(1), won));
      votes[second]?.push(won);
      trust[first]?.push(graph.node("Neg", [score]));
      trust[second]?.push(score);
      at += 1;
    }
  }
  const sums = graph.concat(votes.map((own) => addAll(part, own)));
  const trusts = graph.concat(trust.map((own) => addAll(part, own)));
  const third = graph.mul(graph.double(3), graph.add(graph.node("Abs", [trusts]), graph.double(1)));
  const decision = graph.add(sums, graph.div(trusts, third));
  if (count === 2) {
    const flat = graph.reshape(graph.columns(decision, [1]), [-1]);
    const [{ score = "", threshold = 0 } = {}] = scores;
    const above = graph.node("Greater", [graph.reshape(score, [-1]), graph.double(threshold)]);
    return {
      classes: { index: graph.cast(above, "INT64"), labels },
      decision: { value: flat, width: undefined },
    };
  }
  const classes = { index: graph.argMax(decision), labels };
  if (batchwise(estimator, count)) return { classes };
  return { classes, decision: { value: decision, width: count } };
};

export const lowerMultiOutputRegressor: Lowering = (part) => {
  const { graph } = part;
  const all = part.estimator.children("estimators_").map((one) => {
    const { value = "" } = part.lower(one, part.columns).predict ?? {};
    return graph.reshape(value, [-1, 1]);
  });
  return { predict: { value: graph.concat(all), width: all.length } };
};

export const lowerMultiOutputClassifier: Lowering = (part) => {
  const { graph, estimator } = part;
  const all = estimator.children("estimators_").map((one) => part.lower(one, part.columns));
  const labels = all.map((one) => one.classes?.labels);
  const [kind] = labels;
  if (kind === undefined || labels.some((own) => own?.datatype !== kind.datatype))
    throw estimator.unknown("estimators_");
  const values = all.map((one, at) => {
    const own = labels[at] ?? kind;
    return graph.reshape(labelled(graph, own, indexOf(one, estimator)), [-1, 1]);
  });
  return { manyClasses: { value: graph.concat(values), width: values.length, labels: kind } };
};
