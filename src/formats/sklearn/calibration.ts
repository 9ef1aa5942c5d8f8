import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import type { Attributes } from "./attributes.ts";
import { byProba, pairOf } from "./classify.ts";
import { type Column, matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";
import { addAll, probaOf } from "./votes.ts";

/** Scores made probabilities by what was seen of them. */

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
  const sum = graph.rowSum(raw);
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
  const piece = graph.sub(graph.rowSum(graph.cast(below, "FP64")), graph.double(1));
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
