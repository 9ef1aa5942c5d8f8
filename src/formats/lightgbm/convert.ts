import { type BoosterAnswer, convertBooster, labelsOf, type Wrapper } from "../booster.ts";
import type { Converted } from "../converted.ts";
import { FormatError } from "../error.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import { exactExp } from "../onnx/exponential.ts";
import { checkTree, noMembers, type Tree } from "../trees/ensemble.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import { type LightgbmModel, readLightgbm, type TextTree } from "./model.ts";

/** A LightGBM text model → a graph in double, as the library computes. */
export function convertLightgbm(bytes: Uint8Array): Converted {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return convertModel(readLightgbm(text), undefined);
}

export function convertModel(model: LightgbmModel, wrapper: Wrapper | undefined): Converted {
  return convertBooster({
    library: "lightgbm",
    platform: "lightgbm_text",
    datatype: "FP64",
    features: model.features,
    names: model.featureNames,
    takes: "any",
    wrapper,
    answer: (graph, x) => lightgbmAnswer(graph, x, model, wrapper),
  });
}

/** `x`: FP64 [N, features]. */
export function lightgbmAnswer(
  graph: GraphBuilder,
  x: Value,
  model: LightgbmModel,
  wrapper: Wrapper | undefined,
): BoosterAnswer {
  const answer = transform(graph, sums(graph, x, model, wrapper), model);
  if (wrapper?.classifier !== true) return { predict: answer };
  const width = Math.max(2, model.groups);
  const value = model.groups > 1 ? answer.value : bothOf(graph, answer.value);
  const classes = { index: graph.argMax(value), labels: labelsOf(wrapper, width) };
  return { classes, proba: { value, width } };
}

function bothOf(graph: GraphBuilder, second: Value): Value {
  const column = graph.reshape(second, [-1, 1]);
  return graph.concat([graph.sub(graph.double(1), column), column]);
}

/** decision_type: bit 0 categorical, bit 1 default left, bits 2 and 3 how values are missing. */
const isCategorical = 1;
const isDefaultLeft = 2;
type Missing = "none" | "zero" | "nan";
const missingKinds: readonly Missing[] = ["none", "zero", "nan"];

/** Zero for LightGBM: kZeroThreshold, a float. */
const zeroMost = Math.fround(1e-35);

function sums(
  graph: GraphBuilder,
  x: Value,
  model: LightgbmModel,
  wrapper: Wrapper | undefined,
): Value {
  const { groups, trees } = model;
  const kept = trees.slice(
    0,
    wrapper?.iterations === undefined ? trees.length : wrapper.iterations * groups,
  );
  const places = new Places(model.features);
  const lowered = kept.map((tree) => treeOf(tree, places));
  const input = places.input(graph, x);
  for (const tree of lowered) checkTree(tree, places.width);
  if (lowered.length === 0) {
    return graph.repeated(graph.doubles(new Float64Array(groups), [1, groups]), groups, x);
  }
  const sum = lowerEnsemble(graph, input, {
    trees: lowered,
    targets: lowered.map((_, at) => at % groups),
    targetCount: groups,
    comparison: "leq",
  });
  if (!model.averaged) return sum;
  return graph.div(sum, graph.double(lowered.length / groups));
}

/** Each feature as each of its uses needs it: what is missing becomes NaN, categories whole. */
class Places {
  readonly #features: number;
  /** Uses beyond the plain columns. */
  readonly #more: { readonly feature: number; readonly use: MadeUse }[] = [];

  constructor(features: number) {
    this.#features = features;
  }

  get width(): number {
    return this.#features + this.#more.length;
  }

  of(feature: number, use: Use): number {
    if (use === "plain") return feature;
    const known = this.#more.findIndex((one) => one.feature === feature && one.use === use);
    if (known >= 0) return this.#features + known;
    this.#more.push({ feature, use });
    return this.#features + this.#more.length - 1;
  }

  input(graph: GraphBuilder, x: Value): Value {
    const made = this.#more.map(({ feature, use }) => {
      const column = graph.columns(x, [feature]);
      const nan = graph.double(Number.NaN);
      switch (use) {
        case "zero": {
          const near = graph.node("LessOrEqual", [
            graph.node("Abs", [column]),
            graph.double(zeroMost),
          ]);
          return graph.where(near, nan, column);
        }
        case "filled":
          return graph.where(graph.node("IsNaN", [column]), graph.double(0), column);
        case "category": {
          // Cut off towards 0.
          const whole = graph.node("Floor", [graph.node("Abs", [column])]);
          return graph.mul(graph.node("Sign", [column]), whole);
        }
        default:
          return use satisfies never;
      }
    });
    return graph.concat([x, ...made]);
  }
}

type MadeUse = "zero" | "filled" | "category";
type Use = "plain" | MadeUse;

/** Inner nodes first, then the leaves. */
function treeOf(text: TextTree, places: Places): Tree {
  const inner = text.leaves - 1;
  const nodes = inner + text.leaves;
  const child = (of: number | undefined): number => {
    if (of === undefined) throw new FormatError("a tree of LightGBM is damaged");
    // Leaves are written as their complement.
    return of >= 0 ? of : inner + ~of;
  };
  const members = new Map<number, readonly number[]>();
  const tree = {
    left: new Int32Array(nodes).fill(-1),
    right: new Int32Array(nodes).fill(-1),
    feature: new Int32Array(nodes),
    threshold: new Float64Array(nodes),
    missingLeft: new Uint8Array(nodes),
    value: new Float64Array(nodes),
    members: members as ReadonlyMap<number, readonly number[]>,
  };
  for (let node = 0; node < inner; node += 1) {
    const decision = text.decision[node] ?? 0;
    const feature = text.feature[node] ?? -1;
    if (feature < 0) throw new FormatError("a tree of LightGBM is damaged");
    tree.left[node] = child(text.left[node]);
    tree.right[node] = child(text.right[node]);
    if ((decision & isCategorical) !== 0) {
      members.set(node, categoriesOf(text, text.threshold[node] ?? -1));
      tree.feature[node] = places.of(feature, "category");
      continue;
    }
    const missing = missingKinds[(decision >> 2) & 3];
    if (missing === undefined)
      throw new FormatError("a tree of LightGBM treats missing values in a way that is not known");
    tree.feature[node] = places.of(
      feature,
      missing === "zero" ? "zero" : missing === "none" ? "filled" : "plain",
    );
    tree.threshold[node] = text.threshold[node] ?? 0;
    tree.missingLeft[node] = (decision & isDefaultLeft) !== 0 ? 1 : 0;
  }
  for (let leaf = 0; leaf < text.leaves; leaf += 1)
    tree.value[inner + leaf] = text.leafValue[leaf] ?? 0;
  return members.size === 0 ? { ...tree, members: noMembers } : tree;
}

/** The numbers whose bit is set in the set that a node names. */
function categoriesOf({ boundaries, bits }: TextTree, at: number): number[] {
  const from = boundaries[at];
  const to = boundaries[at + 1];
  if (from === undefined || to === undefined || to > bits.length) {
    throw new FormatError("a tree's categories are damaged");
  }
  const members: number[] = [];
  for (let word = from; word < to; word += 1) {
    for (let bit = 0; bit < 32; bit += 1) {
      if (Math.floor((bits[word] ?? 0) / 2 ** bit) % 2 === 1)
        members.push((word - from) * 32 + bit);
    }
  }
  return members;
}

function transform(
  graph: GraphBuilder,
  raw: Value,
  model: LightgbmModel,
): { value: Value; width: number | undefined } {
  const { groups, objective, options } = model;
  const shaped = (value: Value) =>
    groups === 1
      ? { value: graph.reshape(value, [-1]), width: undefined }
      : { value, width: groups };
  const one = graph.double(1);
  const exp = (x: Value) => exactExp(graph, x);
  switch (objective) {
    case undefined:
    case "custom":
      return shaped(raw);
    case "binary":
    case "multiclassova": {
      const factor = Number(options.get("sigmoid") ?? 1);
      return shaped(graph.sigmoid(factor === 1 ? raw : graph.mul(graph.double(factor), raw), exp));
    }
    case "multiclass":
      return shaped(graph.softmax(raw, exp));
    case "cross_entropy":
    case "xentropy":
      return shaped(graph.sigmoid(raw, exp));
    case "cross_entropy_lambda":
    case "xentlambda":
      return shaped(graph.log(graph.add(one, exp(raw))));
    case "poisson":
    case "gamma":
    case "tweedie":
      return shaped(exp(raw));
    case "regression":
    case "regression_l1":
    case "huber":
    case "fair":
    case "quantile":
    case "mape":
      if (!options.has("sqrt")) return shaped(raw);
      return shaped(graph.mul(graph.node("Sign", [raw]), graph.mul(raw, raw)));
    case "lambdarank":
    case "rank_xendcg":
      return shaped(raw);
    default:
      throw new FormatError(
        `the objective '${objective}' of LightGBM is not supported; export the model to ONNX`,
      );
  }
}
