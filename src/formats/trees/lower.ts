import type { FixedDatatype } from "../../domain/datatype.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import { tensorOf } from "../onnx/writer.ts";
import { type Ensemble, isLeaf, stump, type Tree } from "./ensemble.ts";

/** Node modes of TreeEnsemble (ai.onnx.ml 5). */
const modes = { leq: 0, lt: 1, member: 6 } as const;

/**
 * The sums of an ensemble, [N, targets], in the type of `x`. Leaves are added in the order of the
 * trees, which one thread keeps; a base has to be a tree of its own (`stump`), since what the
 * operator has for it is added last.
 */
export function lowerEnsemble(
  graph: GraphBuilder,
  x: Value,
  ensemble: Ensemble,
  datatype: "FP32" | "FP64" = "FP64",
): Value {
  const { trees, targets, targetCount, comparison } = ensemble;
  const whole = trees.map((tree) => (isLeaf(tree, 0) ? stump(tree.value[0] ?? 0) : tree));
  let inner = 0;
  let leaves = 0;
  for (const tree of whole) {
    for (let node = 0; node < tree.left.length; node += 1) {
      if (isLeaf(tree, node)) leaves += 1;
      else inner += 1;
    }
  }
  const table = new NodeTable(inner, leaves, modes[comparison]);
  for (const [at, tree] of whole.entries()) table.add(tree, targets[at] ?? 0);
  const floats = (values: Float64Array) =>
    tensorOf(
      "",
      datatype,
      [values.length],
      datatype === "FP64" ? values : Float32Array.from(values),
    );
  return graph.node("TreeEnsemble", [x], {
    domain: "ai.onnx.ml",
    attributes: {
      n_targets: { int: targetCount },
      aggregate_function: { int: 1 },
      post_transform: { int: 0 },
      tree_roots: { ints: table.roots },
      nodes_featureids: { ints: table.features },
      nodes_splits: { tensor: floats(table.splits) },
      nodes_modes: { tensor: tensorOf("", "UINT8", [inner], table.modes) },
      nodes_truenodeids: { ints: table.yes },
      nodes_falsenodeids: { ints: table.no },
      nodes_trueleafs: { ints: table.yesIsLeaf },
      nodes_falseleafs: { ints: table.noIsLeaf },
      nodes_missing_value_tracks_true: { ints: table.missing },
      leaf_targetids: { ints: table.leafTargets },
      leaf_weights: { tensor: floats(table.leafWeights) },
      ...membership(table.members, datatype),
    },
  });
}

function membership(members: readonly number[], datatype: FixedDatatype) {
  if (members.length === 0) return {};
  const values = datatype === "FP64" ? Float64Array.from(members) : Float32Array.from(members);
  return { membership_values: { tensor: tensorOf("", datatype, [values.length], values) } };
}

/** All inner nodes, and all leaves, of all trees. */
class NodeTable {
  readonly roots: number[] = [];
  readonly features: Int32Array;
  readonly splits: Float64Array;
  readonly modes: Uint8Array;
  readonly yes: Int32Array;
  readonly no: Int32Array;
  readonly yesIsLeaf: Uint8Array;
  readonly noIsLeaf: Uint8Array;
  readonly missing: Uint8Array;
  readonly leafTargets: Int32Array;
  readonly leafWeights: Float64Array;
  /** In the order of the nodes, NaN between them. */
  readonly members: number[] = [];
  readonly #mode: number;
  #inner = 0;
  #leaves = 0;

  constructor(inner: number, leaves: number, mode: number) {
    this.#mode = mode;
    this.features = new Int32Array(inner);
    this.splits = new Float64Array(inner);
    this.modes = new Uint8Array(inner);
    this.yes = new Int32Array(inner);
    this.no = new Int32Array(inner);
    this.yesIsLeaf = new Uint8Array(inner);
    this.noIsLeaf = new Uint8Array(inner);
    this.missing = new Uint8Array(inner);
    this.leafTargets = new Int32Array(leaves);
    this.leafWeights = new Float64Array(leaves);
  }

  add(tree: Tree, target: number): void {
    const places = this.#place(tree);
    this.roots.push(places[0] ?? 0);
    for (let node = 0; node < tree.left.length; node += 1) {
      const at = places[node] ?? 0;
      if (isLeaf(tree, node)) {
        this.leafTargets[at] = target;
        this.leafWeights[at] = tree.value[node] ?? 0;
        continue;
      }
      const [yes, no] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
      const members = tree.members.get(node);
      this.features[at] = tree.feature[node] ?? 0;
      this.splits[at] = members === undefined ? (tree.threshold[node] ?? 0) : 0;
      this.modes[at] = members === undefined ? this.#mode : modes.member;
      this.missing[at] = tree.missingLeft[node] ?? 0;
      this.yes[at] = places[yes] ?? 0;
      this.no[at] = places[no] ?? 0;
      this.yesIsLeaf[at] = isLeaf(tree, yes) ? 1 : 0;
      this.noIsLeaf[at] = isLeaf(tree, no) ? 1 : 0;
      if (members !== undefined) for (const one of [...members, Number.NaN]) this.members.push(one);
    }
  }

  /** Where each node goes among the inner nodes or the leaves. */
  #place(tree: Tree): Int32Array {
    const places = new Int32Array(tree.left.length);
    for (let node = 0; node < places.length; node += 1) {
      if (isLeaf(tree, node)) {
        places[node] = this.#leaves;
        this.#leaves += 1;
      } else {
        places[node] = this.#inner;
        this.#inner += 1;
      }
    }
    return places;
  }
}
