import type { Value } from "../onnx/build.ts";
import type { Attributes } from "./attributes.ts";
import { pairOf } from "./classify.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf, labelled } from "./labels.ts";
import { batchwise } from "./svm.ts";
import { addAll, indexOf, probaOf } from "./votes.ts";

/** One estimator for each class, each pair of classes, or each output. */

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
  const proba = single ? pairOf(graph, seconds) : graph.div(seconds, graph.rowSum(seconds));
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
