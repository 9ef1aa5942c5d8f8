/**
 * Boosters walked node by node, as their formats say, without a graph: the differential oracle of
 * the lowering. Files of XGBoost in JSON and of LightGBM in text; margins only.
 */

export interface Oracle {
  readonly features: number;
  /** Splits of numbers, for rows at and beside them. */
  readonly thresholds: readonly { readonly feature: number; readonly value: number }[];
  /** The margin of each group for a row. */
  readonly margins: (row: readonly number[]) => number[];
}

interface XgboostTree {
  readonly left_children: readonly number[];
  readonly right_children: readonly number[];
  readonly split_indices: readonly number[];
  readonly split_conditions: readonly number[];
  readonly default_left: readonly (number | boolean)[];
  readonly split_type?: readonly number[];
  readonly categories?: readonly number[];
  readonly categories_nodes?: readonly number[];
  readonly categories_segments?: readonly number[];
  readonly categories_sizes?: readonly number[];
}

/** Sums in single precision, the base first, which is a margin with these objectives. */
export function xgboostOracle(text: string): Oracle {
  const { learner } = JSON.parse(text.replace(/\bNaN\b/g, "null"));
  const { gradient_booster: booster, learner_model_param: parameters } = learner;
  const { trees, tree_info: groups } = (booster.gbtree ?? booster).model;
  const weights: readonly number[] | undefined = booster.weight_drop;
  const score = Number(String(parameters.base_score).replace(/[[\]]/g, ""));
  const count = Math.max(1, Number(parameters.num_class));
  return {
    features: Number(parameters.num_feature),
    thresholds: trees.flatMap((tree: XgboostTree) =>
      tree.split_conditions.flatMap((value, node) =>
        tree.left_children[node] === -1 || tree.split_type?.[node] === 1
          ? []
          : [{ feature: tree.split_indices[node] ?? 0, value }],
      ),
    ),
    margins: (row) => {
      const sums = new Float32Array(count).fill(score);
      for (const [at, tree] of trees.entries()) {
        const leaf = Math.fround(xgboostLeaf(tree, row));
        const value =
          weights === undefined ? leaf : Math.fround(leaf * Math.fround(weights[at] ?? 1));
        const group = groups[at];
        sums[group] = (sums[group] ?? 0) + value;
      }
      return [...sums];
    },
  };
}

function xgboostLeaf(tree: XgboostTree, row: readonly number[]): number {
  let node = 0;
  for (
    let left = tree.left_children[node] ?? -1;
    left !== -1;
    left = tree.left_children[node] ?? -1
  ) {
    const x = Math.fround(row[tree.split_indices[node] ?? 0] ?? Number.NaN);
    const right = tree.right_children[node] ?? -1;
    const toLeft = Number.isNaN(x)
      ? Number(tree.default_left[node]) === 1
      : tree.split_type?.[node] === 1
        ? !categoriesAt(tree, node).has(Math.trunc(x)) || x < 0
        : x < Math.fround(tree.split_conditions[node] ?? 0);
    node = toLeft ? left : right;
  }
  return tree.split_conditions[node] ?? 0;
}

function categoriesAt(tree: XgboostTree, node: number): ReadonlySet<number> {
  const at = tree.categories_nodes?.indexOf(node) ?? -1;
  const from = tree.categories_segments?.[at] ?? 0;
  return new Set(tree.categories?.slice(from, from + (tree.categories_sizes?.[at] ?? 0)));
}

/** Sums in double, tree by tree. */
export function lightgbmOracle(text: string): Oracle {
  const fields = (block: string) =>
    new Map(
      block
        .split("\n")
        .map((line) => line.split(/=(.*)/s))
        .map(([key = "", value = ""]) => [key, value]),
    );
  const [head = "", ...rest] = text.split(/^Tree=\d+$/m);
  const header = fields(head);
  const trees = rest.map((block) => lightgbmTree(fields(block.split("end of trees")[0] ?? "")));
  const count = Number(header.get("num_tree_per_iteration"));
  return {
    features: Number(header.get("max_feature_idx")) + 1,
    thresholds: trees.flatMap(({ feature, threshold, decision }) =>
      threshold.flatMap((value, node) =>
        ((decision[node] ?? 0) & 1) === 1 ? [] : [{ feature: feature[node] ?? 0, value }],
      ),
    ),
    margins: (row) => {
      const sums = new Float64Array(count);
      for (const [at, tree] of trees.entries()) {
        sums[at % count] = (sums[at % count] ?? 0) + lightgbmLeaf(tree, row);
      }
      const rounds = /^average_output$/m.test(head) ? trees.length / count : 1;
      return Array.from(sums, (sum) => sum / rounds);
    },
  };
}

function lightgbmTree(block: ReadonlyMap<string, string>) {
  const numbers = (key: string) => {
    const text = (block.get(key) ?? "").trim();
    return text === "" ? [] : text.split(" ").map((one) => Number(one.replace("inf", "Infinity")));
  };
  return {
    feature: numbers("split_feature"),
    threshold: numbers("threshold"),
    decision: numbers("decision_type"),
    left: numbers("left_child"),
    right: numbers("right_child"),
    leaves: numbers("leaf_value"),
    boundaries: numbers("cat_boundaries"),
    bits: numbers("cat_threshold"),
  };
}

type LightgbmTree = ReturnType<typeof lightgbmTree>;

function lightgbmLeaf(tree: LightgbmTree, row: readonly number[]): number {
  let node = tree.left.length === 0 ? -1 : 0;
  while (node >= 0) {
    const x = row[tree.feature[node] ?? 0] ?? Number.NaN;
    const toLeft = goesLeft(tree, node, x);
    node = (toLeft ? tree.left[node] : tree.right[node]) ?? -1;
  }
  return tree.leaves[-node - 1] ?? 0;
}

function goesLeft(tree: LightgbmTree, node: number, x: number): boolean {
  const decision = tree.decision[node] ?? 0;
  const threshold = tree.threshold[node] ?? 0;
  if ((decision & 1) === 1) {
    const value = Math.trunc(x);
    if (Number.isNaN(x) || value < 0) return false;
    const from = tree.boundaries[threshold] ?? 0;
    const words = (tree.boundaries[threshold + 1] ?? 0) - from;
    const word = Math.floor(value / 32);
    return word < words && (((tree.bits[from + word] ?? 0) >>> (value % 32)) & 1) === 1;
  }
  const missing = (decision >> 2) & 3;
  const number = Number.isNaN(x) && missing !== 2 ? 0 : x;
  const isMissing =
    (missing === 1 && Math.abs(number) <= Math.fround(1e-35)) ||
    (missing === 2 && Number.isNaN(number));
  return isMissing ? (decision & 2) === 2 : number <= threshold;
}
