import type { GraphBuilder, Value } from "../onnx/build.ts";

/** numpy.interp of a column [N, 1]: linear between points, constant outside of them. */
export function interpolated(
  graph: GraphBuilder,
  x: Value,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
): Value {
  const count = xs.length;
  const within = graph.node("Clip", [
    x,
    graph.double(xs[0] ?? 0),
    graph.double(xs[count - 1] ?? 0),
  ]);
  const reached = graph.node("GreaterOrEqual", [within, graph.doubles(xs, [1, count])]);
  const last = graph.sub(graph.rowSum(graph.cast(reached, "FP64")), graph.double(1));
  const index = graph.cast(graph.node("Max", [last, graph.double(0)]), "INT64");
  const slopes = Array.from({ length: count }, (_, at) => {
    const step = (xs[at + 1] ?? 0) - (xs[at] ?? 0);
    return at === count - 1 || step === 0 ? 0 : ((ys[at + 1] ?? 0) - (ys[at] ?? 0)) / step;
  });
  const away = graph.sub(within, graph.gather(graph.doubles(xs), index));
  const along = graph.mul(graph.gather(graph.doubles(slopes), index), away);
  return graph.add(along, graph.gather(graph.doubles(ys), index));
}
