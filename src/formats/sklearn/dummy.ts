import { matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";

/** Estimators that say the same of every row. */

function anyRows({ graph, columns }: Part) {
  restrict(columns, "any");
  return matrixOf(graph, columns);
}

export const lowerDummyClassifier: Lowering = (part) => {
  const { estimator, graph } = part;
  const labels = classesOf(estimator);
  const prior = [...estimator.doubles("class_prior_").values];
  const strategy = estimator.text("strategy");
  const best = prior.indexOf(Math.max(...prior));
  const share = strategy === "prior" ? prior : prior.map((_, at) => (at === best ? 1 : 0));
  if (strategy !== "prior" && strategy !== "most_frequent") throw estimator.unknown("strategy");
  const x = anyRows(part);
  const row = graph.doubles(share, [1, share.length]);
  const proba = graph.repeated(row, share.length, x);
  const index = graph.repeated(graph.ints([best]), undefined, x);
  return { classes: { index, labels }, proba: { value: proba, width: share.length } };
};

export const lowerDummyRegressor: Lowering = (part) => {
  const { estimator, graph } = part;
  const { values } = estimator.doubles("constant_");
  const x = anyRows(part);
  if (values.length === 1) {
    return {
      predict: { value: graph.repeated(graph.doubles(values), undefined, x), width: undefined },
    };
  }
  const row = graph.doubles(values, [1, values.length]);
  return { predict: { value: graph.repeated(row, values.length, x), width: values.length } };
};
