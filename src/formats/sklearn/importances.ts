import type { Attributes } from "./attributes.ts";
import { Records } from "./trees.ts";

/** Importances of features as scikit-learn has them: what each split takes off the impurity. */

/** `undefined` for estimators without trees. */
export function treeImportances(estimator: Attributes): Float64Array | undefined {
  if (estimator.has("tree_")) return normalized(importancesOf(estimator));
  if (!estimator.has("estimators_")) return undefined;
  const trees = estimator.children("estimators_");
  if (!trees.every((tree) => tree.has("tree_"))) return undefined;
  const boosting = estimator.name.startsWith("GradientBoosting");
  // Trees of one node split nothing.
  const each = trees.filter(splits).map(importancesOf);
  const all = boosting ? each : each.map(normalized);
  const [first] = all;
  if (first === undefined) return undefined;
  const sum = first.map(
    (_, at) => all.reduce((total, one) => total + (one[at] ?? 0), 0) / all.length,
  );
  return normalized(sum);
}

function splits(estimator: Attributes): boolean {
  const nodes = estimator.child("tree_").get("nodes");
  return typeof nodes === "object" && nodes.kind === "array" && (nodes.shape[0] ?? 0) > 1;
}

function importancesOf(estimator: Attributes): Float64Array {
  const tree = estimator.child("tree_");
  const nodes = tree.get("nodes");
  const [width] = tree.object.args;
  if (typeof nodes !== "object" || nodes.kind !== "array" || typeof width !== "number") {
    throw estimator.unknown("tree_");
  }
  const records = new Records(nodes);
  const left = records.column("left_child");
  const right = records.column("right_child");
  const feature = records.column("feature");
  const impurity = records.column("impurity");
  const weight = records.column("weighted_n_node_samples");
  const found = new Float64Array(width);
  const heat = (node: number) => (weight[node] ?? 0) * (impurity[node] ?? 0);
  for (let node = 0; node < records.count; node += 1) {
    const [yes, no] = [left[node] ?? -1, right[node] ?? -1];
    if (yes < 0) continue;
    const of = feature[node] ?? 0;
    found[of] = (found[of] ?? 0) + heat(node) - heat(yes) - heat(no);
  }
  const whole = weight[0] ?? 1;
  return found.map((one) => one / whole);
}

function normalized(values: Float64Array): Float64Array {
  const sum = values.reduce((total, one) => total + one, 0);
  return sum > 0 ? values.map((one) => one / sum) : values;
}
