import { lightgbmAnswer } from "../lightgbm/convert.ts";
import { lightgbmIn, xgboostIn } from "../wrappers.ts";
import { xgboostAnswer } from "../xgboost/convert.ts";
import { matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering } from "./fitted.ts";

/** XGBoost and LightGBM inside of scikit-learn's pipelines and ensembles. */

export const lowerXgboost: Lowering = ({ estimator, columns, graph }): Fitted => {
  const { model, wrapper } = xgboostIn(estimator);
  if (model.features !== columns.length) throw estimator.unknown("n_features_in_", columns.length);
  restrict(columns, "missing");
  const x = graph.cast(matrixOf(graph, columns), "FP32");
  const { classes, proba, predict } = xgboostAnswer(graph, x, model, wrapper);
  return {
    ...(classes === undefined ? {} : { classes }),
    ...(proba === undefined ? {} : { proba: { ...proba, value: graph.cast(proba.value, "FP64") } }),
    ...(predict === undefined
      ? {}
      : { predict: { ...predict, value: graph.cast(predict.value, "FP64") } }),
  };
};

export const lowerLightgbm: Lowering = ({ estimator, columns, graph }): Fitted => {
  const { model, wrapper } = lightgbmIn(estimator);
  if (model.features !== columns.length) throw estimator.unknown("n_features_in_", columns.length);
  restrict(columns, "any");
  return lightgbmAnswer(graph, matrixOf(graph, columns), model, wrapper);
};
