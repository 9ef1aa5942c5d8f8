import type { Value } from "../onnx/build.ts";
import type { Attributes, Doubles } from "./attributes.ts";
import { outliers } from "./classify.ts";
import { columnsOf, matrixOf, restrict } from "./columns.ts";
import { coupled } from "./coupling.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf } from "./labels.ts";
import { transposed } from "./linear.ts";

/** Support vector machines, as libsvm computes them. */

/** What the parameters of a kernel are where none are given. */
interface Usual {
  readonly gamma?: number;
  readonly coef0: number;
  readonly degree?: number;
}

/** The kernel of each row with each support vector, [N, vectors]. */
function kernelOf(part: Part, vectors: Doubles, usual: Usual = { coef0: 0 }): Value {
  const { estimator, graph, columns } = part;
  restrict(columns, "finite");
  const x = matrixOf(graph, columns);
  const [count = 0, width = 0] = vectors.shape;
  const dot = graph.matmul(
    x,
    graph.doubles(transposed(vectors.values, count, width), [width, count]),
  );
  const kernel = estimator.get("kernel");
  if (kernel === "linear") return dot;
  const own = usual.gamma === undefined ? undefined : estimator.maybeNumber("gamma");
  const gamma = graph.double(own ?? usual.gamma ?? estimator.number("_gamma", "gamma"));
  const coefficient = graph.double(estimator.maybeNumber("coef0") ?? usual.coef0);
  switch (kernel) {
    case "rbf":
      return rbf(part, x, vectors, gamma);
    case "poly":
    case "polynomial": {
      const inner = graph.add(graph.mul(gamma, dot), coefficient);
      const degree = estimator.maybeNumber("degree") ?? usual.degree ?? estimator.number("degree");
      return graph.node("Pow", [inner, graph.double(degree)]);
    }
    case "sigmoid":
      return graph.tanh(graph.add(graph.mul(gamma, dot), coefficient));
    default:
      throw estimator.unknown("kernel");
  }
}

/** exp(−γ |x − v|²), with the differences squared. */
function rbf({ graph }: Part, x: Value, { shape, values }: Doubles, gamma: Value): Value {
  const [count = 0, width = 0] = shape;
  const byFeature = transposed(values, count, width);
  let sum: Value | undefined;
  for (let at = 0; at < width; at += 1) {
    const fitted = graph.doubles(byFeature.slice(at * count, (at + 1) * count), [1, count]);
    const away = graph.sub(graph.columns(x, [at]), fitted);
    const square = graph.mul(away, away);
    sum = sum === undefined ? square : graph.add(sum, square);
  }
  return graph.exp(graph.mul(graph.node("Neg", [gamma]), sum ?? x));
}

export const lowerSvc: Lowering = (part): Fitted => {
  const { estimator, graph } = part;
  const labels = classesOf(estimator);
  const classes = labels.values.length;
  const vectors = estimator.doubles("support_vectors_", 2);
  const kernel = kernelOf(part, vectors);
  const counts = [
    ...estimator.doubles(estimator.has("_n_support") ? "_n_support" : "n_support_").values,
  ];
  const dual = estimator.doubles(estimator.has("_dual_coef_") ? "_dual_coef_" : "dual_coef_", 2);
  const intercept = estimator.doubles(
    estimator.has("_intercept_") ? "_intercept_" : "intercept_",
  ).values;
  const table = pairTable(counts, dual, classes);
  const [vectorCount = 0] = vectors.shape;
  const product = graph.matmul(kernel, graph.doubles(table, [vectorCount, intercept.length]));
  const pairs = graph.add(product, graph.doubles(intercept));
  const answer = decided(part, pairs, classes);
  const index =
    estimator.flag("break_ties", false) && classes > 2 ? graph.argMax(answer.ovr) : answer.index;
  const proba = probaOf(part, pairs);
  return {
    classes: { index, labels },
    ...(batchwise(estimator, classes) ? {} : { decision: answer.decision }),
    ...(proba === undefined
      ? {}
      : { proba: { value: coupled(graph, proba, classes), width: classes } }),
  };
};

/** Up to 0.20 the decision of a row was scaled by all rows that were asked with it. */
export function batchwise(estimator: Attributes, classes: number): boolean {
  return estimator.release < 0.021 && classes > 2;
}

/** What each support vector adds to the decision of each pair of classes. */
function pairTable(counts: readonly number[], dual: Doubles, classes: number): Float64Array {
  const [, vectors = 0] = dual.shape;
  const pairs = (classes * (classes - 1)) / 2;
  const table = new Float64Array(vectors * pairs);
  const starts = counts.map((_, at) => counts.slice(0, at).reduce((sum, one) => sum + one, 0));
  let pair = 0;
  for (let first = 0; first < classes; first += 1) {
    for (let second = first + 1; second < classes; second += 1) {
      for (const [of, row] of [
        [first, second - 1],
        [second, first],
      ] as const) {
        const from = starts[of] ?? 0;
        for (let at = from; at < from + (counts[of] ?? 0); at += 1) {
          table[at * pairs + pair] = dual.values[row * vectors + at] ?? 0;
        }
      }
      pair += 1;
    }
  }
  return table;
}

/** Votes of the pairs, and the decision in the shape that was asked for. */
function decided({ estimator, graph }: Part, pairs: Value, classes: number) {
  const width = (classes * (classes - 1)) / 2;
  const won = new Float64Array(width * classes);
  const lost = new Float64Array(width * classes);
  let pair = 0;
  for (let first = 0; first < classes; first += 1) {
    for (let second = first + 1; second < classes; second += 1) {
      won[pair * classes + first] = 1;
      lost[pair * classes + second] = 1;
      pair += 1;
    }
  }
  const positive = graph.cast(graph.node("Greater", [pairs, graph.double(0)]), "FP64");
  const negative = graph.sub(graph.double(1), positive);
  const wins = graph.doubles(won, [width, classes]);
  const losses = graph.doubles(lost, [width, classes]);
  const votes = graph.add(graph.matmul(positive, wins), graph.matmul(negative, losses));
  const index = graph.argMax(votes);
  if (classes === 2) {
    // The library turns the sign: above 0 is the second class.
    const flat = graph.node("Neg", [graph.reshape(pairs, [-1])]);
    return { index, decision: { value: flat, width: undefined }, ovr: pairs };
  }
  const trust = graph.sub(graph.matmul(pairs, wins), graph.matmul(pairs, losses));
  const third = graph.mul(graph.double(3), graph.add(graph.node("Abs", [trust]), graph.double(1)));
  // Ties of the library's own votes, which count a decision of 0 for the first.
  const least = graph.cast(graph.node("Less", [pairs, graph.double(0)]), "FP64");
  const most = graph.sub(graph.double(1), least);
  const counted = graph.add(graph.matmul(most, wins), graph.matmul(least, losses));
  const ovr = graph.add(counted, graph.div(trust, third));
  const shape = estimator.text("decision_function_shape", "ovr");
  if (shape === "ovo") return { index, decision: { value: pairs, width }, ovr };
  if (shape !== "ovr") throw estimator.unknown("decision_function_shape");
  return { index, decision: { value: ovr, width: classes }, ovr };
}

/** Platt's probabilities of the pairs of classes. */
function probaOf({ estimator, graph }: Part, pairs: Value): Value | undefined {
  if (estimator.get("probability") !== true && !estimator.flag("_effective_probability", false))
    return undefined;
  const a = estimator.maybeDoubles(["_probA", "probA_"])?.values;
  const b = estimator.maybeDoubles(["_probB", "probB_"])?.values;
  if (a === undefined || b === undefined || a.length === 0) return undefined;
  const inner = graph.add(graph.mul(pairs, graph.doubles(a)), graph.doubles(b));
  const p = graph.div(graph.double(1), graph.add(graph.double(1), graph.exp(inner)));
  const clamped = graph.node("Clip", [p, graph.double(1e-7), graph.double(1 - 1e-7)]);
  return clamped;
}

export const lowerSvr: Lowering = (part) => {
  const { graph } = part;
  return { predict: { value: graph.reshape(oneDecision(part), [-1]), width: undefined } };
};

export const lowerOneClassSvm: Lowering = (part) => {
  const { graph } = part;
  const decision = graph.reshape(oneDecision(part), [-1]);
  return outliers(graph, decision, "Greater");
};

/** Linear, by stochastic descent: w · x − offset. */
export const lowerSgdOneClass: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  restrict(columns, "finite");
  const weights = estimator.doubles("coef_").values;
  const score = graph.matmul(matrixOf(graph, columns), graph.doubles(weights, [weights.length, 1]));
  const offset = graph.doubles(estimator.doubles("offset_").values);
  return outliers(graph, graph.reshape(graph.sub(score, offset), [-1]));
};

/** Ridge regression with a kernel over the rows that were fitted. */
export const lowerKernelRidge: Lowering = (part) => {
  const { estimator, graph } = part;
  const vectors = estimator.doubles("X_fit_", 2);
  const [count = 0, features = 0] = vectors.shape;
  const { shape, values } = estimator.doubles("dual_coef_");
  const width = shape[1];
  const kernel = kernelOf(part, vectors, { gamma: 1 / features, coef0: 1, degree: 3 });
  const product = graph.matmul(kernel, graph.doubles(values, [count, width ?? 1]));
  if (width !== undefined) return { predict: { value: product, width } };
  return { predict: { value: graph.reshape(product, [-1]), width: undefined } };
};

/** A kernel by some of the rows that were fitted. */
export const lowerNystroem: Lowering = (part) => {
  const { estimator, graph } = part;
  if (estimator.get("kernel_params") !== undefined) throw estimator.unknown("kernel_params");
  const vectors = estimator.doubles("components_", 2);
  const [count = 0, features = 0] = vectors.shape;
  const kernel = kernelOf(part, vectors, { gamma: 1 / features, coef0: 1, degree: 3 });
  const normalization = transposed(estimator.doubles("normalization_", 2).values, count, count);
  const product = graph.matmul(kernel, graph.doubles(normalization, [count, count]));
  return { transform: columnsOf(product, count) };
};

/** A kernel of random waves. */
export const lowerRbfSampler: Lowering = (part) => {
  const { estimator, graph, columns } = part;
  restrict(columns, "finite");
  const { shape, values } = estimator.doubles("random_weights_", 2);
  const width = shape[1] ?? 0;
  const phase = graph.matmul(matrixOf(graph, columns), graph.doubles(values, shape));
  const offset = graph.doubles(estimator.doubles("random_offset_").values);
  const waves = graph.cos(graph.add(phase, offset));
  const scaled = graph.mul(waves, graph.double(Math.sqrt(2 / width)));
  return { transform: columnsOf(scaled, width) };
};

/** [N, 1]. */
function oneDecision(part: Part): Value {
  const { estimator, graph } = part;
  const vectors = estimator.doubles("support_vectors_", 2);
  const [count = 0] = vectors.shape;
  const dual = estimator.doubles(
    estimator.has("_dual_coef_") ? "_dual_coef_" : "dual_coef_",
    2,
  ).values;
  const intercept = estimator.doubles(
    estimator.has("_intercept_") ? "_intercept_" : "intercept_",
  ).values;
  const product = graph.matmul(kernelOf(part, vectors), graph.doubles(dual, [count, 1]));
  return graph.add(product, graph.doubles(intercept));
}
