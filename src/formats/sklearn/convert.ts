import type { Datatype } from "../../domain/datatype.ts";
import { columnsMax, estimatorNestingMax } from "../../domain/limits.ts";
import type { Method, MethodName, TabularSignature } from "../../domain/model.ts";
import type { Converted } from "../converted.ts";
import { FormatError } from "../error.ts";
import { GraphBuilder, type Value } from "../onnx/build.ts";
import type { PyValue } from "../pickle/values.ts";
import type { Stage } from "../stages/stage.ts";
import { Attributes } from "./attributes.ts";
import { type Column, matrixOf, TableBlock } from "./columns.ts";
import { namesOf } from "./compose.ts";
import type { Fitted, Numbers } from "./fitted.ts";
import { labelled } from "./labels.ts";
import { loweringOf } from "./registry.ts";

/** A fitted scikit-learn estimator → a graph in double. Throws FormatError. */
export function convertSklearn(value: PyValue): Converted {
  if (typeof value !== "object" || value?.kind !== "object") {
    throw new FormatError("the file holds no estimator, but something else; save the model itself");
  }
  const estimator = new Attributes(value);
  const graph = new GraphBuilder();
  const stages: Stage[] = [];
  // What is not known at all is said before what it does not say of itself.
  loweringOf(estimator);
  const names = inputNames(estimator);
  const width = widthOf(estimator);
  if (width > columnsMax) {
    throw new FormatError(
      `${estimator.name} has ${width} columns, but at most ${columnsMax} are served`,
    );
  }
  const table = new TableBlock(width, names);
  let depth = 0;
  const lower = (one: Attributes, columns: readonly Column[]): Fitted => {
    depth += 1;
    if (depth > estimatorNestingMax) throw new FormatError("estimators are nested too deep");
    const fitted = loweringOf(one)({ estimator: one, columns, graph, lower, stages });
    depth -= 1;
    return fitted;
  };
  const fitted = lower(estimator, table.all());
  const methods = methodsOf(graph, fitted);
  const [first] = methods;
  if (first === undefined) throw new FormatError(`${estimator.name} has nothing to answer with`);
  const { columns, feeds } = table.finish(graph);
  const placed = stages.map((stage) => placedIn(stage, feeds));
  return {
    graph: graph.finish(),
    signature: {
      kind: "tabular",
      library: "sklearn",
      estimator: checkerOf(estimator).name,
      columns,
      feeds,
      methods,
      method: methods.find(({ name }) => name === "predict")?.name ?? first.name,
      style: "kserve",
    },
    platform: "sklearn_joblib",
    rowElements: graph.rowElements,
    stages: placed,
  };
}

/** Stages name columns of the table; the feeds say where those are. */
function placedIn(stage: Stage, feeds: TabularSignature["feeds"]): Stage {
  const feed = feeds.find(({ name }) => name === stage.feed);
  return { ...stage, column: feed?.columns.indexOf(stage.column) ?? -1 };
}

function methodsOf(graph: GraphBuilder, fitted: Fitted): Method[] {
  const methods: Method[] = [];
  const give = (name: MethodName, value: Value, datatype: Datatype, width: number | undefined) => {
    const shape = width === undefined ? [-1] : [-1, width];
    graph.output(value, { name, datatype, shape });
    methods.push({ name, output: name, datatype, shape });
  };
  const numbers = (name: MethodName, { value, width, datatype = "FP64" }: Numbers) =>
    give(name, value, datatype, width);
  const { classes, manyClasses, predict, proba, decision, transform, codes } = fitted;
  if (classes !== undefined) {
    const { labels, index } = classes;
    give("predict", labelled(graph, labels, index), labels.datatype, undefined);
  } else if (manyClasses !== undefined) {
    give("predict", manyClasses.value, manyClasses.labels.datatype, manyClasses.width);
  } else if (predict !== undefined) numbers("predict", predict);
  if (proba !== undefined) give("predict_proba", proba.value, "FP64", proba.width);
  if (decision !== undefined) numbers("decision_function", decision);
  if (codes !== undefined) numbers("transform", codes);
  if (transform !== undefined && transform.length > 0) {
    give("transform", matrixOf(graph, transform), "FP64", transform.length);
  }
  return methods;
}

/** The estimator that looks at the input first: of a pipeline its first step. */
function checkerOf(estimator: Attributes): Attributes {
  const inner = firstInside(estimator);
  return inner === undefined ? estimator : checkerOf(inner);
}

function firstInside(estimator: Attributes): Attributes | undefined {
  if (estimator.has("best_estimator_")) return estimator.child("best_estimator_");
  if (estimator.name === "TransformedTargetRegressor") return estimator.child("regressor_");
  if (estimator.name !== "Pipeline") return undefined;
  for (const step of estimator.items("steps")) {
    const inner = Attributes.inside(step);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** Names of columns: of the model, or of the first of its parts that has them. */
function inputNames(estimator: Attributes): readonly string[] | undefined {
  const own = namesOf(estimator);
  if (own !== undefined) return own;
  for (const inner of insideForNames(estimator)) {
    const names = inputNames(inner);
    if (names !== undefined) return names;
  }
  return undefined;
}

/** The parts that are given the same columns as the whole. */
function insideForNames(estimator: Attributes): Attributes[] {
  if (estimator.name === "FrozenEstimator") return [estimator.child("estimator")];
  if (estimator.name === "FeatureUnion") {
    return estimator.items("transformer_list").flatMap((item) => Attributes.inside(item) ?? []);
  }
  const inner = firstInside(estimator);
  return inner === undefined ? [] : [inner];
}

/** How many columns an estimator was fitted with. */
export function widthOf(estimator: Attributes): number {
  // What a selector calls so is how many it kept.
  const selects = estimator.has("support_") && !rowSupports.some((one) => estimator.has(one));
  const names = selects ? [] : legacyCounts;
  const own = estimator.maybeNumber("n_features_in_", ...names);
  if (own !== undefined && Number.isInteger(own) && own > 0) return own;
  const support = estimator.get("support_");
  if (selects && typeof support === "object" && support.kind === "array")
    return support.shape[0] ?? 0;
  const columns = namesOf(estimator);
  if (columns !== undefined) return columns.length;
  if (estimator.has("vocabulary_") || estimator.name === "LabelEncoder") return 1;
  const inner =
    estimator.name === "Pipeline"
      ? firstWithWidth(estimator)
      : (firstInside(estimator) ?? partInside(estimator));
  if (inner !== undefined) return widthOf(inner);
  const found = arrayWidth(estimator);
  if (found !== undefined) return found;
  throw new FormatError(`${estimator.name} does not say how many columns it was fitted with`);
}

/** Before 0.24 the number of columns stands in what was learned of them. */
function arrayWidth(estimator: Attributes): number | undefined {
  for (const name of lastAxis) {
    const value = estimator.get(name);
    const shape =
      typeof value === "object" && value.kind === "array"
        ? value.shape
        : typeof value === "object" && value.kind === "object" && value.attributes.has("_shape")
          ? estimator.doubles(name).shape
          : undefined;
    const last = shape?.at(-1);
    if (last !== undefined && shape !== undefined && shape.length > 0) return last;
  }
  for (const name of lists) if (estimator.has(name)) return estimator.items(name).length;
  if (estimator.has("random_weights_")) return estimator.doubles("random_weights_").shape[0];
  const first = estimator.get("coefs_");
  if (first !== undefined) {
    const [coefficients] = estimator.items("coefs_");
    if (typeof coefficients === "object" && coefficients?.kind === "array")
      return coefficients.shape[0];
  }
  return undefined;
}

const legacyCounts = ["n_features_", "_n_features", "n_input_features_"];

/** Steps without a state of their own leave the number of columns to the next. */
const stateless = ["Normalizer", "Binarizer", "FunctionTransformer"];

function firstWithWidth(pipeline: Attributes): Attributes | undefined {
  for (const step of pipeline.items("steps")) {
    const one = Attributes.inside(step);
    if (one === undefined) continue;
    if (!stateless.includes(one.name) || one.has("n_features_in_")) return one;
  }
  return undefined;
}

/** Beside these `support_` is of rows, not of columns. */
const rowSupports = ["support_vectors_", "location_"];
const lastAxis = [
  "x_mean_",
  "coef_",
  "theta_",
  "feature_log_prob_",
  "support_vectors_",
  "_fit_X",
  "X_fit_",
  "cluster_centers_",
  "means_",
  "location_",
  "components_",
  "centroids_",
  "scale_",
  "mean_",
  "center_",
  "min_",
  "lambdas_",
  "statistics_",
  "scores_",
  "variances_",
  "support_",
  "quantiles_",
];
const lists = ["categories_", "bin_edges_"];

function partInside(estimator: Attributes): Attributes | undefined {
  for (const name of ["estimators_", "calibrated_classifiers_", "transformer_list"]) {
    if (!estimator.has(name)) continue;
    const inner = Attributes.inside(estimator.items(name)[0]);
    if (inner !== undefined) return inner;
  }
  for (const name of ["estimator_", "estimator", "base_estimator", "regressor_"]) {
    const value = estimator.get(name);
    if (typeof value === "object" && value.kind === "object") return new Attributes(value);
  }
  return undefined;
}
