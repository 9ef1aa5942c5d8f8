import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { Fitted } from "./fitted.ts";
import type { Labels } from "./labels.ts";

/** From decisions and probabilities to classes, as scikit-learn's mixins do it. */

/** Classes of decisions: [N] (above 0 is the second) or [N, K] (the first of the largest). */
export function byDecision(
  graph: GraphBuilder,
  labels: Labels,
  decision: Value,
  width: number | undefined,
): Pick<Fitted, "classes" | "decision"> {
  const index =
    width === undefined
      ? graph.cast(graph.node("Greater", [decision, graph.double(0)]), "INT64")
      : graph.argMax(decision);
  return { classes: { index, labels }, decision: { value: decision, width } };
}

/** Classes of probabilities [N, K]: the first of the largest. */
export function byProba(
  graph: GraphBuilder,
  labels: Labels,
  proba: Value,
): Pick<Fitted, "classes" | "proba"> {
  const index = graph.argMax(proba);
  return { classes: { index, labels }, proba: { value: proba, width: labels.values.length } };
}

/** [1 − p, p] of the probability [N] of the second class. */
export function pairOf(graph: GraphBuilder, second: Value): Value {
  const column = graph.reshape(second, [-1, 1]);
  return graph.concat([graph.sub(graph.double(1), column), column]);
}

/** Probabilities of each class against the rest: [N] → [N, 2]; [N, K] divided by its sum. */
export function oneVsRest(graph: GraphBuilder, decision: Value, width: number | undefined): Value {
  const p = graph.sigmoid(decision);
  if (width === undefined) return pairOf(graph, p);
  return graph.div(p, graph.rowSum(p));
}

/** Rows divided by their sum; rows of zeros become uniform. */
export function normalized(graph: GraphBuilder, values: Value, width: number): Value {
  const sum = graph.rowSum(values);
  const zero = graph.node("Equal", [sum, graph.double(0)]);
  const even = graph.where(zero, graph.double(1), values);
  const whole = graph.where(zero, graph.double(width), sum);
  return graph.div(even, whole);
}

/** Softmax by logarithms, as scipy has it: x − logsumexp(x). */
export function logNormalized(graph: GraphBuilder, values: Value): Value {
  const most = graph.rowMax(values);
  const powers = graph.exp(graph.sub(values, most));
  const whole = graph.add(most, graph.log(graph.rowSum(powers)));
  return graph.exp(graph.sub(values, whole));
}

/** −1 for what lies below zero, or at it where the library counts it out, else 1. */
export function outliers(
  graph: GraphBuilder,
  decision: Value,
  inside: "GreaterOrEqual" | "Greater" = "GreaterOrEqual",
): Fitted {
  const flag = graph.cast(graph.node(inside, [decision, graph.double(0)]), "INT64");
  const twice = graph.node("Mul", [flag, graph.ints([2], [])]);
  const value = graph.node("Sub", [twice, graph.ints([1], [])]);
  return {
    predict: { value, width: undefined, datatype: "INT64" },
    decision: { value: decision, width: undefined },
  };
}
