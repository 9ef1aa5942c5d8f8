import type { Datatype } from "../domain/datatype.ts";
import type { Method, NumberColumn, TabularSignature } from "../domain/model.ts";
import type { Converted } from "./converted.ts";
import { GraphBuilder, type Value } from "./onnx/build.ts";
import { type Labels, labelled } from "./sklearn/labels.ts";

/** What a wrapper of scikit-learn's kind adds to a booster. */
export interface Wrapper {
  readonly classifier: boolean;
  /** The labels of a classifier; numbers from 0 where it has none. */
  readonly labels: Labels | undefined;
  /** How many iterations count, where it stopped early. */
  readonly iterations: number | undefined;
  /** A number that stands for a missing value, beside NaN. */
  readonly missing?: number | undefined;
}

/** What a booster says of rows, in its own precision. */
export interface BoosterAnswer {
  /** Of a classifier: which class, INT64 [N], and what is known of each. */
  readonly classes?: { readonly index: Value; readonly labels: Labels };
  readonly proba?: { readonly value: Value; readonly width: number };
  /** Of anything else. */
  readonly predict?: { readonly value: Value; readonly width: number | undefined };
}

export interface Booster {
  readonly library: "xgboost" | "lightgbm";
  readonly platform: string;
  readonly datatype: "FP32" | "FP64";
  readonly features: number;
  readonly names: readonly string[] | undefined;
  readonly takes: NumberColumn["takes"];
  readonly wrapper: Wrapper | undefined;
  readonly answer: (graph: GraphBuilder, x: Value) => BoosterAnswer;
}

const inputName = "numbers";

/** A booster that is a model by itself. */
export function convertBooster(booster: Booster): Converted {
  const { library, platform, datatype, features, wrapper } = booster;
  const graph = new GraphBuilder();
  const x = graph.input(inputName, datatype, [-1, features]);
  const { classes, proba, predict } = booster.answer(graph, x);
  const methods: Method[] = [];
  const give = (name: Method["name"], value: Value, type: Datatype, width: number | undefined) => {
    const shape = width === undefined ? [-1] : [-1, width];
    graph.output(value, { name, datatype: type, shape });
    methods.push({ name, output: name, datatype: type, shape });
  };
  if (classes !== undefined) {
    const { labels, index } = classes;
    give("predict", labelled(graph, labels, index), labels.datatype, undefined);
  }
  if (proba !== undefined) give("predict_proba", proba.value, datatype, proba.width);
  if (predict !== undefined) give("predict", predict.value, datatype, predict.width);
  const all = Array.from({ length: features }, (_, at) => at);
  const signature: TabularSignature = {
    kind: "tabular",
    library,
    estimator: wrapper === undefined ? "Booster" : `${short[library]}${kindOf(wrapper)}`,
    columns: all.map((at) => ({ type: "number", name: booster.names?.[at], takes: booster.takes })),
    feeds: [{ name: inputName, datatype, columns: all }],
    methods,
    method: "predict",
    style: "kserve",
  };
  const { rowElements } = graph;
  return { graph: graph.finish(), platform, signature, rowElements, stages: [] };
}

const short = { xgboost: "XGB", lightgbm: "LGBM" };

function kindOf({ classifier }: Wrapper): string {
  return classifier ? "Classifier" : "Regressor";
}

/** The labels of a classifier: its own, or numbers from 0. */
export function labelsOf({ labels }: Wrapper, width: number): Labels {
  const values = Array.from({ length: width }, (_, at) => at);
  return labels ?? { datatype: "INT64", values };
}
