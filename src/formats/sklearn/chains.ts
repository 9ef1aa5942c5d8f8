import type { Value } from "../onnx/build.ts";
import { columnsOf } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";

/** Chains: each estimator is given the columns and what those before it have said. */

interface Links {
  /** Of each output, in the order of the outputs, [N, 1]. */
  readonly said: readonly Value[];
  /** Probabilities of the second class, where every estimator has them. */
  readonly seconds: readonly Value[] | undefined;
}

function linksOf(part: Part): Links {
  const { estimator, graph } = part;
  const order = Array.from(estimator.doubles("order_").values, Number);
  const method = estimator.get("chain_method");
  if (method !== undefined && method !== "predict") throw estimator.unknown("chain_method");
  const said: Value[] = [];
  const seconds: (Value | undefined)[] = [];
  let columns = part.columns;
  for (const [at, one] of estimator.children("estimators_").entries()) {
    const fitted = part.lower(one, columns);
    const place = order[at] ?? at;
    const value =
      fitted.classes === undefined
        ? fitted.predict?.value
        : graph.gather(numbersOf(part, classesOf(one).values), fitted.classes.index);
    if (value === undefined) throw estimator.unknown("estimators_", one.name);
    const column = graph.reshape(value, [-1, 1]);
    said[place] = column;
    seconds[place] =
      fitted.proba === undefined ? undefined : graph.columns(fitted.proba.value, [1]);
    columns = [...columns, ...columnsOf(column, 1)];
  }
  const every = seconds.filter((one) => one !== undefined);
  return { said, seconds: every.length === said.length ? every : undefined };
}

function numbersOf({ estimator, graph }: Part, values: readonly unknown[]): Value {
  if (values.some((one) => typeof one === "string")) throw estimator.unknown("classes_");
  return graph.doubles(values.map(Number));
}

export const lowerClassifierChain: Lowering = (part) => {
  const { said, seconds } = linksOf(part);
  const width = said.length;
  return {
    predict: { value: part.graph.concat(said), width },
    ...(seconds === undefined ? {} : { proba: { value: part.graph.concat(seconds), width } }),
  };
};

export const lowerRegressorChain: Lowering = (part) => {
  const { said } = linksOf(part);
  return { predict: { value: part.graph.concat(said), width: said.length } };
};
