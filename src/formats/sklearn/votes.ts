import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import type { Attributes } from "./attributes.ts";
import type { Fitted, Part } from "./fitted.ts";

/** What ensembles make of the answers of their members. */

/** 0s and 1s [N, K] of a class index. */
export function oneHot({ graph }: Part, index: Value, width: number): Value {
  const numbers = graph.ints(
    Array.from({ length: width }, (_, at) => at),
    [1, width],
  );
  return graph.cast(graph.node("Equal", [graph.reshape(index, [-1, 1]), numbers]), "FP64");
}

export function indexOf(fitted: Fitted, owner: Attributes): Value {
  if (fitted.classes === undefined) throw owner.unknown("estimators_");
  return fitted.classes.index;
}

export function probaOf(fitted: Fitted, owner: Attributes): Value {
  if (fitted.proba === undefined) throw owner.unknown("estimators_");
  return fitted.proba.value;
}

export function addAll({ graph }: Part, values: readonly Value[]): Value {
  const [first, ...more] = values;
  if (first === undefined) throw new FormatError("an ensemble is empty");
  return more.reduce((sum, value) => graph.add(sum, value), first);
}
