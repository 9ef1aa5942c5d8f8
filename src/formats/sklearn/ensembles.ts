import type { Value } from "../onnx/build.ts";
import { doublesOf } from "./attributes.ts";
import { byProba } from "./classify.ts";
import { type Column, columnsOf } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";
import { addAll, indexOf, oneHot, probaOf } from "./votes.ts";

/** Estimators of several kinds that vote, or whose answers another one is given. */

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
