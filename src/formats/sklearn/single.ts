import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { Doubles } from "./attributes.ts";

/**
 * What numpy computes in single precision, in a graph of doubles: every result is rounded where
 * numpy's has no more digits. The product of two singles is exact in double.
 */

/** Each number as the single precision number next to it. */
export function rounded(graph: GraphBuilder, x: Value): Value {
  return graph.cast(graph.cast(x, "FP32"), "FP64");
}

/** X · Wᵀ for [N, F] and [K, F], feature by feature and each sum rounded once, as BLAS has it. */
export function singleProduct(graph: GraphBuilder, x: Value, { shape, values }: Doubles): Value {
  const [rows = 1, width = rows] = shape.length === 1 ? [1, shape[0]] : shape;
  let sum: Value | undefined;
  for (let at = 0; at < width; at += 1) {
    const weights = Array.from({ length: rows }, (_, row) => values[row * width + at] ?? 0);
    const term = graph.mul(graph.columns(x, [at]), graph.doubles(weights, [1, rows]));
    sum = rounded(graph, sum === undefined ? term : graph.add(sum, term));
  }
  return sum ?? graph.rowSum(x);
}

/** 1 / (1 + e^−x). */
export function singleSigmoid(graph: GraphBuilder, x: Value): Value {
  const power = rounded(graph, graph.exp(graph.node("Neg", [x])));
  const one = graph.double(1);
  return rounded(graph, graph.div(one, rounded(graph, graph.add(one, power))));
}

export function singleSoftmax(graph: GraphBuilder, x: Value): Value {
  const away = rounded(graph, graph.sub(x, graph.rowMax(x)));
  const powers = rounded(graph, graph.exp(away));
  return rounded(graph, graph.div(powers, rounded(graph, graph.rowSum(powers))));
}
