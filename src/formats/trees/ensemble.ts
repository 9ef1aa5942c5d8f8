import { treeDepthMax, treeNodesMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";

/**
 * Binary decision trees as every library has them, a struct of arrays by node. Node 0 is the root.
 * A node without children is a leaf.
 */
export interface Tree {
  /** −1 for leaves. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  /** 1 where a missing value goes left. */
  readonly missingLeft: Uint8Array;
  /** Of leaves: what they add. */
  readonly value: Float64Array;
  /** Nodes that ask for membership instead: members go left. */
  readonly members: ReadonlyMap<number, readonly number[]>;
}

export interface Ensemble {
  readonly trees: readonly Tree[];
  /** Which of the sums a tree adds to. */
  readonly targets: readonly number[];
  readonly targetCount: number;
  /** What goes left: x <= threshold, or x < threshold. */
  readonly comparison: "leq" | "lt";
}

export const noMembers: ReadonlyMap<number, readonly number[]> = new Map();

/**
 * Holds a tree against what everything after takes for granted: every node but the root has one
 * parent, all are reached, features are below the width. Throws FormatError.
 */
export function checkTree(tree: Tree, width: number): void {
  const { left, right, feature, threshold } = tree;
  const nodes = left.length;
  if (nodes === 0) throw new FormatError("a tree has no nodes");
  if (nodes > treeNodesMax) throw new FormatError(`a tree has more than ${treeNodesMax} nodes`);
  const seen = new Uint8Array(nodes);
  const stack: [node: number, depth: number][] = [[0, 0]];
  let reached = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [node, depth] = next;
    if (seen[node] !== 0) throw new FormatError("a tree's nodes form a cycle");
    seen[node] = 1;
    reached += 1;
    if (depth > treeDepthMax) throw new FormatError(`a tree is deeper than ${treeDepthMax}`);
    const [yes, no] = [left[node] ?? -1, right[node] ?? -1];
    if (yes < 0 && no < 0) continue;
    if (yes < 0 || no < 0 || yes >= nodes || no >= nodes) {
      throw new FormatError("a tree's node has a child that does not exist");
    }
    const of = feature[node] ?? -1;
    if (of < 0 || of >= width) {
      throw new FormatError(`a tree asks for feature ${of}, but the model has ${width}`);
    }
    if (Number.isNaN(threshold[node])) throw new FormatError("a tree's threshold is NaN");
    stack.push([yes, depth + 1], [no, depth + 1]);
  }
  if (reached !== nodes) return;
}

/** Two leaves of the same value: some readers do not take a tree of one node. */
export function stump(value: number): Tree {
  return {
    left: Int32Array.of(1, -1, -1),
    right: Int32Array.of(2, -1, -1),
    feature: Int32Array.of(0, 0, 0),
    threshold: Float64Array.of(0, 0, 0),
    missingLeft: new Uint8Array(3),
    value: Float64Array.of(value, value, value),
    members: noMembers,
  };
}

export function isLeaf(tree: Tree, node: number): boolean {
  return (tree.left[node] ?? -1) < 0;
}
