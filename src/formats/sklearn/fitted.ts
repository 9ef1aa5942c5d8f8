import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { Stage } from "../stages/stage.ts";
import type { Attributes } from "./attributes.ts";
import type { Column } from "./columns.ts";
import type { Labels } from "./labels.ts";

/** Numbers that an estimator answers with: [N], or [N, width]. */
export interface Numbers {
  readonly value: Value;
  readonly width: number | undefined;
  readonly datatype?: "FP64" | "INT64" | "INT32";
}

/** What a fitted estimator can compute, as values of the graph. */
export interface Fitted {
  /** Classifiers: which class, INT64 [N]. */
  readonly classes?: { readonly index: Value; readonly labels: Labels };
  /** Classifiers of several outputs: labels [N, k]. */
  readonly manyClasses?: { readonly value: Value; readonly width: number; readonly labels: Labels };
  /** Regressors, clusterers, outlier detectors. */
  readonly predict?: Numbers;
  /** [N, classes]. */
  readonly proba?: { readonly value: Value; readonly width: number };
  readonly decision?: Numbers;
  readonly transform?: readonly Column[];
  /** In place of `transform`: what is no table of doubles. */
  readonly codes?: Numbers;
}

/** An estimator with the columns that it is given. */
export interface Part {
  readonly estimator: Attributes;
  readonly columns: readonly Column[];
  readonly graph: GraphBuilder;
  /** Other estimators inside this one. */
  readonly lower: (estimator: Attributes, columns: readonly Column[]) => Fitted;
  /** Work that the worker does before the graph. */
  readonly stages: Stage[];
}

export type Lowering = (part: Part) => Fitted;
