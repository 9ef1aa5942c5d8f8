import { type BoosterAnswer, convertBooster, labelsOf, type Wrapper } from "../booster.ts";
import type { Converted } from "../converted.ts";
import { FormatError } from "../error.ts";
import { isBinaryXgboost } from "../family.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import { checkTree, stump, type Tree } from "../trees/ensemble.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import { Document } from "./document.ts";
import { parseXgboostJson } from "./json.ts";
import { readLegacy } from "./legacy.ts";
import { readDocument, type XgboostModel } from "./model.ts";
import { parseUbjson } from "./ubjson.ts";

/** An XGBoost model of any container → a graph in single precision, as the library computes. */
export function convertXgboost(bytes: Uint8Array): Converted {
  return convertModel(readXgboost(bytes), undefined);
}

/** JSON, UBJSON or the older binary, told apart by their first bytes. Throws FormatError. */
export function readXgboost(bytes: Uint8Array): XgboostModel {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isBinaryXgboost(buffer)) return readLegacy(bytes);
  const head = buffer.toString("latin1", 0, 64);
  if (/^\s*\{\s*["}]/.test(head)) {
    return readDocument(new Document(parseXgboostJson(buffer.toString("utf8"))));
  }
  if (head.startsWith("{")) return readDocument(new Document(parseUbjson(bytes)));
  if (head.startsWith("bs64")) {
    throw new FormatError("an XGBoost model in base64 is not supported; save it as .json or .ubj");
  }
  return readLegacy(bytes);
}

export function convertModel(model: XgboostModel, wrapper: Wrapper | undefined): Converted {
  return convertBooster({
    library: "xgboost",
    platform: "xgboost_json",
    datatype: "FP32",
    features: model.features,
    names: model.featureNames,
    takes: "missing",
    wrapper,
    answer: (graph, x) => xgboostAnswer(graph, x, model, wrapper),
  });
}

/** `x`: FP32 [N, features]. */
export function xgboostAnswer(
  graph: GraphBuilder,
  x: Value,
  model: XgboostModel,
  wrapper: Wrapper | undefined,
): BoosterAnswer {
  const present = withoutMissing(graph, x, wrapper);
  const margin =
    model.booster === "gblinear"
      ? linearMargin(graph, present, model)
      : treeMargin(graph, present, model, wrapper);
  const transformed = transform(graph, margin, model);
  if (wrapper?.classifier !== true) return { predict: transformed };
  const { proba, index, width } = classified(graph, margin, transformed, model);
  const classes = { index, labels: labelsOf(wrapper, width) };
  return proba === undefined ? { classes } : { classes, proba: { value: proba, width } };
}

/** What the wrapper was told to take for missing is NaN, as NaN itself is. */
function withoutMissing(graph: GraphBuilder, x: Value, wrapper: Wrapper | undefined): Value {
  const missing = wrapper?.missing;
  if (missing === undefined || Number.isNaN(missing)) return x;
  const is = graph.node("Equal", [x, graph.float(missing)]);
  return graph.where(is, graph.float(Number.NaN), x);
}

/** The base in the space of the margin, one for each group. */
function baseMargins(model: XgboostModel): number[] {
  const { baseScore, baseIsMargin, groups } = model;
  const all = Array.from(
    { length: groups },
    (_, at) => baseScore[baseScore.length === 1 ? 0 : at] ?? 0,
  );
  return all.map((one) => Math.fround(baseIsMargin ? one : toMargin(model, Math.fround(one))));
}

function toMargin({ objective, release }: XgboostModel, score: number): number {
  switch (objective) {
    case "binary:logitraw":
      return release < rawBaseRelease ? logitOf(score) : score;
    case "binary:logistic":
    case "reg:logistic":
      return logitOf(score);
    case "count:poisson":
    case "reg:gamma":
    case "reg:tweedie":
    case "survival:cox":
    case "survival:aft":
      return Math.fround(Math.log(score));
    default:
      return score;
  }
}

/** From here on the base of binary:logitraw is a margin already. */
const rawBaseRelease = 1.002;

function logitOf(score: number): number {
  const inner = Math.min(Math.max(score, 1e-6), 1 - 1e-6);
  const inside = score > 0 && score < 1 ? score : inner;
  return -Math.fround(Math.log(Math.fround(Math.fround(1 / inside) - 1)));
}

function treeMargin(
  graph: GraphBuilder,
  x: Value,
  model: XgboostModel,
  wrapper: Wrapper | undefined,
): Value {
  const { groups, weights, features } = model;
  const kept = keptTrees(model, wrapper);
  for (const tree of model.trees) checkTree(tree, features);
  const trees = model.trees.slice(0, kept).map((tree, at) => weighed(tree, weights?.[at]));
  const targets = model.treeGroups.slice(0, kept);
  if (targets.length !== trees.length || targets.some((one) => one < 0 || one >= groups)) {
    throw new FormatError("the XGBoost model's tree_info does not fit its trees");
  }
  const bases = baseMargins(model);
  return lowerEnsemble(
    graph,
    withoutFractions(graph, x, model),
    {
      trees: [...bases.map(stump), ...trees],
      targets: [...bases.keys(), ...targets],
      targetCount: groups,
      comparison: "lt",
    },
    "FP32",
  );
}

/** A wrapper that stopped early asks the first trees only. */
function keptTrees(
  { trees, iterations, groups, parallel }: XgboostModel,
  wrapper: Wrapper | undefined,
): number {
  const rounds = wrapper?.iterations;
  if (rounds === undefined) return trees.length;
  return Math.min(trees.length, iterations?.[rounds] ?? rounds * groups * Math.max(1, parallel));
}

function weighed(tree: Tree, weight: number | undefined): Tree {
  if (weight === undefined) return tree;
  const share = Math.fround(weight);
  return { ...tree, value: tree.value.map((one) => Math.fround(share * Math.fround(one))) };
}

/** Categories are whole numbers: what is behind the point is cut off. Below zero there is none. */
function withoutFractions(graph: GraphBuilder, x: Value, { trees, features }: XgboostModel): Value {
  const categorical = new Set<number>();
  for (const tree of trees)
    for (const node of tree.members.keys()) categorical.add(tree.feature[node] ?? 0);
  if (categorical.size === 0) return x;
  const negative = graph.node("Less", [x, graph.float(0)]);
  const whole = graph.where(negative, graph.float(-1), graph.node("Floor", [x]));
  const mask = graph.booleans(
    Array.from({ length: features }, (_, at) => categorical.has(at)),
    [1, features],
  );
  return graph.where(mask, whole, x);
}

function linearMargin(graph: GraphBuilder, x: Value, model: XgboostModel): Value {
  const { features, groups, linear } = model;
  const weights = Float32Array.from(linear ?? []);
  if (weights.length !== (features + 1) * groups) {
    throw new FormatError("the XGBoost model's weights do not fit its features");
  }
  // The library adds the first base to every sum.
  const [base = 0] = baseMargins(model);
  // A missing value adds nothing.
  const present = graph.where(graph.node("IsNaN", [x]), graph.float(0), x);
  // In the library's order: the bias and the base, then feature by feature.
  let sum: Value = graph.floats(
    Array.from({ length: groups }, (_, at) =>
      Math.fround((weights[features * groups + at] ?? 0) + base),
    ),
    [1, groups],
  );
  for (let at = 0; at < features; at += 1) {
    const row = graph.floats(weights.subarray(at * groups, (at + 1) * groups), [1, groups]);
    sum = graph.add(sum, graph.mul(graph.columns(present, [at]), row));
  }
  return sum;
}

interface Transformed {
  readonly value: Value;
  readonly width: number | undefined;
}

function transform(
  graph: GraphBuilder,
  margin: Value,
  { objective, groups }: XgboostModel,
): Transformed {
  const shaped = (value: Value): Transformed =>
    groups === 1
      ? { value: graph.reshape(value, [-1]), width: undefined }
      : { value, width: groups };
  switch (objective) {
    case "binary:logistic":
    case "reg:logistic":
      return shaped(sigmoid(graph, margin));
    case "multi:softprob":
      return { value: softmax(graph, margin), width: groups };
    case "multi:softmax":
      return { value: graph.cast(graph.argMax(margin), "FP32"), width: undefined };
    case "binary:hinge":
      return shaped(graph.cast(graph.node("Greater", [margin, graph.float(0)]), "FP32"));
    case "count:poisson":
    case "reg:gamma":
    case "reg:tweedie":
    case "survival:cox":
    case "survival:aft":
      return shaped(exp(graph, margin));
    case "binary:logitraw":
    case "reg:squarederror":
    case "reg:linear":
    case "reg:squaredlogerror":
    case "reg:pseudohubererror":
    case "reg:absoluteerror":
    case "reg:quantileerror":
    case "rank:pairwise":
    case "rank:ndcg":
    case "rank:map":
      return shaped(margin);
    default:
      throw new FormatError(
        `the objective '${objective}' of XGBoost is not supported; export the model to ONNX`,
      );
  }
}

/** In single precision, but for the sum. */
function softmax(graph: GraphBuilder, margin: Value): Value {
  const powers = exp(graph, graph.sub(margin, graph.rowMax(margin)));
  const sum = graph.cast(graph.rowSum(graph.cast(powers, "FP64")), "FP32");
  return graph.div(powers, sum);
}

/** 1 / (1 + e^min(−x, 88.7)). */
function sigmoid(graph: GraphBuilder, margin: Value): Value {
  const power = graph.node("Min", [graph.node("Neg", [margin]), graph.float(88.7)]);
  const one = graph.float(1);
  return graph.div(one, graph.add(exp(graph, power), one));
}

/** In double, and rounded: ONNX Runtime's own in single is off by a unit in the last place. */
function exp(graph: GraphBuilder, value: Value): Value {
  return graph.cast(graph.exp(graph.cast(value, "FP64")), "FP32");
}

/** Classes and probabilities as XGBClassifier has them. */
function classified(
  graph: GraphBuilder,
  margin: Value,
  transformed: Transformed,
  { objective, groups }: XgboostModel,
) {
  if (groups > 1 && /^(binary|reg):/.test(objective)) {
    throw new FormatError(
      "XGBClassifier with several labels a row is not supported; export the model to ONNX",
    );
  }
  if (groups > 1) {
    const proba =
      objective === "multi:softmax" || objective === "multi:softprob"
        ? softmax(graph, margin)
        : transformed.value;
    return { proba, index: graph.argMax(proba), width: groups };
  }
  const flat = transformed.value;
  const index = graph.cast(graph.node("Greater", [flat, graph.float(0.5)]), "INT64");
  const column = graph.reshape(flat, [-1, 1]);
  const proba = graph.concat([graph.node("Sub", [graph.float(1), column]), column]);
  return { proba: objective === "binary:logistic" ? proba : undefined, index, width: 2 };
}
