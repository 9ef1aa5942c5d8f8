import type { Value } from "../onnx/build.ts";
import { doublesOf } from "./attributes.ts";
import { byProba, pairOf } from "./classify.ts";
import { matrixOf, restrict } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";

/** Multi-layer perceptrons. */

function layers(part: Part): { value: Value; width: number } {
  const { estimator, graph, columns } = part;
  restrict(columns, "finite");
  let value = matrixOf(graph, columns);
  let outputs = columns.length;
  const intercepts = estimator.items("intercepts_");
  const coefficients = estimator.items("coefs_");
  for (const [at, item] of coefficients.entries()) {
    const { shape, values } = doublesOf(item, estimator, "coefs_");
    const [width = 0, next = 0] = shape;
    const intercept = doublesOf(intercepts[at] ?? null, estimator, "intercepts_").values;
    value = graph.add(
      graph.matmul(value, graph.doubles(values, [width, next])),
      graph.doubles(intercept),
    );
    if (at < coefficients.length - 1) value = activated(part, value);
    outputs = next;
  }
  return { value, width: outputs };
}

function activated({ estimator, graph }: Part, value: Value): Value {
  const activation = estimator.text("activation");
  switch (activation) {
    case "relu":
      return graph.node("Relu", [value]);
    case "tanh":
      return graph.tanh(value);
    case "logistic":
      return graph.sigmoid(value);
    case "identity":
      return value;
    default:
      throw estimator.unknown("activation");
  }
}

export const lowerMlpClassifier: Lowering = (part) => {
  const { estimator, graph } = part;
  const { value, width } = layers(part);
  const labels = classesOf(estimator);
  switch (estimator.text("out_activation_")) {
    case "softmax":
      return byProba(graph, labels, graph.softmax(value));
    case "logistic": {
      if (width !== 1) throw estimator.unknown("out_activation_");
      const p = graph.reshape(graph.sigmoid(value), [-1]);
      const index = graph.cast(graph.node("Greater", [p, graph.double(0.5)]), "INT64");
      return { classes: { index, labels }, proba: { value: pairOf(graph, p), width: 2 } };
    }
    default:
      throw estimator.unknown("out_activation_");
  }
};

export const lowerMlpRegressor: Lowering = (part) => {
  const { estimator, graph } = part;
  const { value, width } = layers(part);
  const output = estimator.text("out_activation_");
  if (output !== "identity" && output !== "exp") throw estimator.unknown("out_activation_");
  const out = output === "exp" ? graph.exp(value) : value;
  if (width > 1) return { predict: { value: out, width } };
  return { predict: { value: graph.reshape(out, [-1]), width: undefined } };
};
