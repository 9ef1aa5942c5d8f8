import { boosterGroupsMax, columnsMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import { noMembers, type Tree } from "../trees/ensemble.ts";
import type { Document } from "./document.ts";

/** What every container of XGBoost holds, in one form. */
export interface XgboostModel {
  /** 1.002 for 1.2. */
  readonly release: number;
  readonly booster: "gbtree" | "dart" | "gblinear";
  readonly objective: string;
  /** Of the objective, as texts. */
  readonly parameters: ReadonlyMap<string, string>;
  /** In the space of the output, or of the margin for the oldest releases. */
  readonly baseScore: readonly number[];
  readonly baseIsMargin: boolean;
  readonly features: number;
  /** At least 1: sums that are kept apart. */
  readonly groups: number;
  readonly classes: number;
  readonly featureNames: readonly string[] | undefined;
  readonly trees: readonly Tree[];
  /** To which sum each tree belongs. */
  readonly treeGroups: readonly number[];
  /** Dart: by how much each tree counts. */
  readonly weights: readonly number[] | undefined;
  /** gblinear: [features + 1, groups]. */
  readonly linear: ArrayLike<number> | undefined;
  readonly attributes: ReadonlyMap<string, string>;
  /** Trees of a group that an iteration adds: those of a forest. */
  readonly parallel: number;
  /** Where each iteration's trees begin. */
  readonly iterations: readonly number[] | undefined;
}

/** A document of JSON or UBJSON, or the `Model` inside a pickled one. */
export function readDocument(root: Document): XgboostModel {
  return checked(documentModel(root));
}

/** Holds the sizes against their bounds, before anything is made of them. */
export function checked(model: XgboostModel): XgboostModel {
  const { features, groups } = model;
  if (!Number.isInteger(features) || features < 1 || features > columnsMax) {
    throw new FormatError(
      `the XGBoost model has ${features} features, expected 1 to ${columnsMax}`,
    );
  }
  if (!Number.isInteger(groups) || groups > boosterGroupsMax) {
    throw new FormatError(`the XGBoost model has ${groups} classes, at most ${boosterGroupsMax}`);
  }
  return model;
}

function documentModel(root: Document): XgboostModel {
  const whole = root.maybe("Model") ?? root;
  const learner = whole.at("learner");
  const [major = 0, minor = 0] = Array.from(whole.at("version").numbers());
  const parameters = learner.at("learner_model_param");
  const booster = learner.at("gradient_booster");
  const name = booster.at("name").text();
  const classes = parameters.at("num_class").number();
  const targets = parameters.maybe("num_target")?.number() ?? 1;
  const shared = {
    release: major + minor / 1_000,
    objective: learner.at("objective").at("name").text(),
    parameters: parametersOf(learner.at("objective")),
    baseScore: baseScores(parameters.at("base_score").text()),
    baseIsMargin: false,
    features: parameters.at("num_feature").number(),
    groups: Math.max(1, classes, targets),
    classes,
    featureNames: namesOf(learner),
    attributes: attributesOf(learner),
  };
  if (name === "gblinear") {
    const linear = booster.at("model").at("weights").numbers();
    return {
      ...shared,
      booster: name,
      trees: [],
      treeGroups: [],
      weights: undefined,
      linear,
      parallel: 1,
      iterations: undefined,
    };
  }
  if (name !== "gbtree" && name !== "dart") {
    throw new FormatError(
      `the booster '${name}' of XGBoost is not supported; export the model to ONNX`,
    );
  }
  const inner = booster.maybe("gbtree") ?? booster;
  const model = inner.at("model");
  const dropped = booster.maybe("weight_drop") ?? model.maybe("weight_drop");
  const starts = model.maybe("iteration_indptr")?.numbers();
  return {
    ...shared,
    booster: name,
    trees: model
      .at("trees")
      .list()
      .map((tree) => readTree(tree)),
    treeGroups: Array.from(model.at("tree_info").numbers()),
    weights: dropped === undefined ? undefined : Array.from(dropped.numbers()),
    linear: undefined,
    parallel: model.maybe("gbtree_model_param")?.maybe("num_parallel_tree")?.number() ?? 1,
    iterations: starts === undefined ? undefined : Array.from(starts),
  };
}

/** `"5E-1"`, or from 3.1 on `"[5E-1,1E0]"`. */
function baseScores(text: string): number[] {
  const parts = text.replace(/[[\]]/g, "").split(",").map(Number);
  if (parts.some((one) => Number.isNaN(one))) throw new FormatError(`base_score is '${text}'`);
  return parts;
}

/** Parameters of an objective stand in an object whose name differs. */
function parametersOf(objective: Document): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [block, keys] of parameterNames) {
    const own = objective.maybe(block);
    for (const key of keys) {
      const value = own?.maybe(key);
      if (value !== undefined) found.set(key, value.text());
    }
  }
  return found;
}

const parameterNames = [
  ["softmax_multiclass_param", ["num_class"]],
  ["reg_loss_param", ["scale_pos_weight"]],
  ["tweedie_regression_param", ["tweedie_variance_power"]],
  ["quantile_loss_param", ["quantile_alpha"]],
] as const;

function namesOf(learner: Document): readonly string[] | undefined {
  const names = learner.maybe("feature_names")?.texts() ?? [];
  return names.length === 0 ? undefined : names;
}

function attributesOf(learner: Document): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  const own = learner.maybe("attributes");
  for (const key of ["best_iteration", "best_ntree_limit", "scikit_learn"]) {
    const value = own?.maybe(key);
    if (value !== undefined) attributes.set(key, value.text());
  }
  return attributes;
}

const missingChild = -1;

function readTree(document: Document): Tree {
  const vector = document.maybe("tree_param")?.maybe("size_leaf_vector")?.number() ?? 0;
  if (vector > 1) {
    throw new FormatError(
      "trees with a vector in each leaf (multi_strategy=multi_output_tree) are not supported; " +
        "export the model to ONNX",
    );
  }
  const conditions = document.at("split_conditions").numbers();
  const left = Int32Array.from(document.at("left_children").numbers());
  const split = members(document);
  const flags = document.at("default_left").numbers();
  const right = Int32Array.from(document.at("right_children").numbers());
  const tree = {
    left,
    right,
    feature: Int32Array.from(document.at("split_indices").numbers()),
    threshold: Float64Array.from(left, (child, at) =>
      child === missingChild || split.has(at) ? 0 : (conditions[at] ?? 0),
    ),
    missingLeft: Uint8Array.from(left, (_, at) => (flags[at] ? 1 : 0)),
    value: Float64Array.from(left, (child, at) =>
      child === missingChild ? (conditions[at] ?? 0) : 0,
    ),
    members: split.size === 0 ? noMembers : split,
  };
  return membersLeft(tree);
}

/** Members go right in XGBoost: the children of such nodes change places. */
function membersLeft(tree: Tree): Tree {
  for (const node of tree.members.keys()) {
    const [yes, no] = [tree.left[node] ?? missingChild, tree.right[node] ?? missingChild];
    tree.left[node] = no;
    tree.right[node] = yes;
    tree.missingLeft[node] = 1 - (tree.missingLeft[node] ?? 0);
  }
  return tree;
}

function members(document: Document): Map<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  const nodes = document.maybe("categories_nodes")?.numbers() ?? [];
  if (nodes.length === 0) return found;
  const categories = document.at("categories").numbers();
  const segments = document.at("categories_segments").numbers();
  const sizes = document.at("categories_sizes").numbers();
  for (let at = 0; at < nodes.length; at += 1) {
    const from = segments[at] ?? 0;
    const to = from + (sizes[at] ?? 0);
    if (from < 0 || to > categories.length)
      throw new FormatError("a tree's categories are damaged");
    found.set(nodes[at] ?? 0, Array.from(categories).slice(from, to));
  }
  return found;
}
