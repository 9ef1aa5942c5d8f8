import type { GraphBuilder, Value } from "../onnx/build.ts";

/**
 * Probabilities [N, K] of classes from those of their pairs [N, K (K − 1) / 2] (Wu, Lin and Weng
 * 2004, second method), by libsvm's own iteration, tolerance and order: where it stops early, so
 * does this. Each row stops by itself, so others in its batch change nothing.
 */
export function coupled(graph: GraphBuilder, pairs: Value, classes: number): Value {
  const form = formOf(graph, pairs, classes);
  const even = graph.doubles(new Float64Array(classes).fill(1 / classes), [1, classes]);
  const start = graph.repeated(even, classes, pairs);
  const rounds = Math.max(iterationsMin, classes);
  return graph.loop(rounds, start, [-1, classes], (inner, p) => step(inner, form, p, classes));
}

const iterationsMin = 100;

/** The quadratic form whose minimum is looked for, [N, K, K], and its diagonal, [N, K]. */
interface Form {
  readonly whole: Value;
  readonly diagonal: Value;
}

function formOf(graph: GraphBuilder, pairs: Value, classes: number): Form {
  const count = (classes * (classes - 1)) / 2;
  const others = graph.sub(graph.double(1), pairs);
  const nothing = graph.mul(graph.columns(pairs, [0]), graph.double(0));
  // Of each class over each other one: the pair, what it leaves to the other, or nothing.
  const all = graph.concat([pairs, others, nothing]);
  const own: number[] = new Array(classes * classes).fill(2 * count);
  let pair = 0;
  for (let i = 0; i < classes; i += 1) {
    for (let j = i + 1; j < classes; j += 1) {
      own[i * classes + j] = pair;
      own[j * classes + i] = count + pair;
      pair += 1;
    }
  }
  const back = own.map((_, at) => own[(at % classes) * classes + Math.floor(at / classes)] ?? 0);
  const shape = [-1, classes, classes];
  const r = graph.reshape(graph.columns(all, own), shape);
  const transposed = graph.reshape(graph.columns(all, back), shape);
  const squares = graph.mul(transposed, transposed);
  const ones = graph.doubles(new Float64Array(classes).fill(1), [classes, 1]);
  // [N, K, 1]
  const diagonal = graph.matmul(squares, ones);
  const eye = Float64Array.from({ length: classes * classes }, (_, at) =>
    at % (classes + 1) === 0 ? 1 : 0,
  );
  const whole = graph.sub(
    graph.mul(diagonal, graph.doubles(eye, [1, classes, classes])),
    graph.mul(transposed, r),
  );
  return { whole, diagonal: graph.reshape(diagonal, [-1, classes]) };
}

/** One round of libsvm's; `go` while a row is not done. */
function step(graph: GraphBuilder, form: Form, given: Value, classes: number) {
  const product = graph.matmul(form.whole, graph.reshape(given, [-1, classes, 1]));
  let qp = graph.reshape(product, [-1, classes]);
  let pqp = graph.rowSum(graph.mul(given, qp));
  const error = graph.rowMax(graph.node("Abs", [graph.sub(qp, pqp)]));
  const going = graph.node("GreaterOrEqual", [error, graph.double(0.005 / classes)]);
  let p = given;
  for (let t = 0; t < classes; t += 1) {
    const own = graph.columns(form.diagonal, [t]);
    const row = graph.reshape(graph.gather(form.whole, graph.ints([t]), 1), [-1, classes]);
    const qpt = graph.columns(qp, [t]);
    const diff = graph.div(graph.sub(pqp, qpt), own);
    const scale = graph.add(graph.double(1), diff);
    const here = Array.from({ length: classes }, (_, at) => (at === t ? 1 : 0));
    const moved = graph.add(p, graph.mul(diff, graph.doubles(here, [1, classes])));
    const more = graph.add(graph.mul(diff, own), graph.mul(graph.double(2), qpt));
    const sum = graph.add(pqp, graph.mul(diff, more));
    pqp = graph.div(graph.div(sum, scale), scale);
    qp = graph.div(graph.add(qp, graph.mul(diff, row)), scale);
    p = graph.div(moved, scale);
  }
  return { value: graph.where(going, p, given), go: graph.anyOf(going) };
}
