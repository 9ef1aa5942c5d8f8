import { columnsOf, matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering } from "./fitted.ts";
import { transposed } from "./linear.ts";

/** Partial least squares: a line through directions that columns and targets share. */
export const lowerPls: Lowering = (part): Fitted => {
  const { estimator, graph, columns } = part;
  if (estimator.release === 0) throw estimator.unknown("_sklearn_version");
  restrict(columns, "finite");
  const learned = (...names: [string, ...string[]]) =>
    estimator.maybeDoubles(names) ?? estimator.doubles(names[0]);
  const mean = graph.doubles(learned("_x_mean", "x_mean_").values);
  const deviation = graph.doubles(learned("_x_std", "x_std_").values);
  const offset = graph.doubles(learned("intercept_", "_y_mean", "y_mean_").values);
  const centred = graph.sub(matrixOf(graph, columns), mean);
  const scaled = graph.div(centred, deviation);

  // From 1.1 on the coefficients are stored by target, from 1.5 on they bring the scale along.
  const { shape, values } = learned("_coef_", "coef_");
  const [first = 0, second = 0] = shape;
  const byTarget = estimator.release >= 1.001;
  const [features, targets] = byTarget ? [second, first] : [first, second];
  const weights = byTarget ? transposed(values, first, second) : values;
  const x = estimator.release >= 1.005 ? centred : scaled;
  const product = graph.matmul(x, graph.doubles(weights, [features, targets]));
  const answer = graph.add(product, offset);

  const rotations = estimator.doubles("x_rotations_", 2);
  const scores = graph.matmul(scaled, graph.doubles(rotations.values, rotations.shape));
  return {
    predict: estimator.flag("_predict_1d", false)
      ? { value: graph.reshape(answer, [-1]), width: undefined }
      : { value: answer, width: targets },
    transform: columnsOf(scores, rotations.shape[1] ?? 0),
  };
};
