import type { Datatype } from "../../domain/datatype.ts";
import { FormatError } from "../error.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { PyValue } from "../pickle/values.ts";
import { Attributes, arrayItems } from "./attributes.ts";

/** The classes of a classifier, in the order of its outputs: ints, floats, text or booleans. */
export type Labels =
  | { readonly datatype: "INT64"; readonly values: readonly (number | bigint)[] }
  | { readonly datatype: "FP64"; readonly values: readonly number[] }
  | { readonly datatype: "BYTES"; readonly values: readonly string[] }
  | { readonly datatype: "BOOL"; readonly values: readonly boolean[] };

/** The `classes_` of a classifier, or of what encodes its labels. */
export function classesOf(estimator: Attributes): Labels {
  const value = estimator.get("classes_");
  if (value !== undefined) return labelsOf(value);
  for (const name of ["_label_binarizer", "label_binarizer_", "_le", "le_"]) {
    if (estimator.has(name)) return classesOf(estimator.child(name));
  }
  const inner = lastInside(estimator);
  if (inner !== undefined) return classesOf(inner);
  throw new FormatError(`${estimator.name} has no classes_: it is not fitted`);
}

/** The estimator whose classes a pipeline or a search has as its own. */
function lastInside(estimator: Attributes): Attributes | undefined {
  if (estimator.has("best_estimator_")) return estimator.child("best_estimator_");
  if (estimator.name !== "Pipeline") return undefined;
  return Attributes.inside(estimator.items("steps").at(-1));
}

export function labelsOf(value: PyValue): Labels {
  const list =
    typeof value === "object" && value?.kind === "array"
      ? { items: arrayItems(value), float: value.dtype.code === "f" }
      : typeof value === "object" && (value?.kind === "list" || value?.kind === "tuple")
        ? { items: value.items, float: false }
        : undefined;
  if (list === undefined) throw new FormatError("the classes are no list");
  const { items, float } = list;
  if (items.every((one) => typeof one === "string")) return { datatype: "BYTES", values: items };
  if (items.every((one) => typeof one === "boolean")) return { datatype: "BOOL", values: items };
  if (float || items.some((one) => typeof one === "number" && !Number.isInteger(one))) {
    if (items.every((one) => typeof one === "number")) return { datatype: "FP64", values: items };
  }
  if (items.every((one) => typeof one === "number" || typeof one === "bigint")) {
    return { datatype: "INT64", values: items };
  }
  throw new FormatError("the classes are neither all numbers, nor all text, nor all booleans");
}

/** The label for each index. */
export function labelled(graph: GraphBuilder, labels: Labels, index: Value): Value {
  return graph.gather(constantOf(graph, labels), index);
}

export function constantOf(graph: GraphBuilder, labels: Labels): Value {
  switch (labels.datatype) {
    case "INT64":
      return graph.ints(labels.values);
    case "FP64":
      return graph.doubles(labels.values);
    case "BYTES":
      return graph.texts(labels.values);
    case "BOOL":
      return graph.booleans(labels.values);
    default:
      return labels satisfies never;
  }
}

/** A label for messages. */
export function labelTexts({ values }: Labels): string[] {
  return values.map(String);
}

export type LabelDatatype = Extract<Datatype, Labels["datatype"]>;
