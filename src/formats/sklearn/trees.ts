import { FormatError } from "../error.ts";
import type { GraphBuilder, Value } from "../onnx/build.ts";
import type { NdArray, PyField } from "../pickle/values.ts";
import { checkTree, isLeaf, noMembers, type Tree } from "../trees/ensemble.ts";
import { lowerEnsemble } from "../trees/lower.ts";
import type { Attributes, Doubles } from "./attributes.ts";
import { byProba } from "./classify.ts";
import { matrixOf, restrict } from "./columns.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { classesOf, labelled, labelsOf } from "./labels.ts";
import { rounded } from "./single.ts";

/** Decision trees, and forests of them. */

/** A tree with the values of its nodes, [nodes, outputs, classes]. */
export interface FittedTree {
  readonly tree: Tree;
  readonly values: Doubles;
  readonly width: number;
  readonly samples: Float64Array;
}

/** `tree_` of an estimator. Nodes whose leaves are told apart by rows have their node as value. */
export function treeOf(estimator: Attributes): FittedTree {
  const inner = estimator.child("tree_");
  const [width] = inner.object.args;
  if (typeof width !== "number") throw new FormatError("a tree has no number of features");
  const nodes = inner.get("nodes");
  if (typeof nodes !== "object" || nodes.kind !== "array") throw new FormatError("no nodes");
  const values = inner.doubles("values", 3);
  const records = new Records(nodes);
  const left = Int32Array.from(records.column("left_child"));
  const tree: Tree = {
    left,
    right: Int32Array.from(records.column("right_child")),
    feature: Int32Array.from(records.column("feature")),
    threshold: records.column("threshold"),
    missingLeft: Uint8Array.from(records.column("missing_go_to_left", 0)),
    value: new Float64Array(left.length),
    members: noMembers,
  };
  checkTree(tree, width);
  if (values.shape[0] !== left.length) throw new FormatError("a tree has too few values");
  return { tree, values, width, samples: records.column("n_node_samples") };
}

/** Columns of an array of records. */
export class Records {
  readonly #view: DataView;
  readonly #itemBytes: number;
  readonly #fields: readonly PyField[];
  readonly count: number;

  constructor({ elements, dtype, shape }: NdArray) {
    if (!(elements instanceof DataView)) throw new FormatError("nodes are no records");
    this.#view = elements;
    this.#itemBytes = dtype.itemBytes;
    this.#fields = dtype.fields;
    this.count = shape[0] ?? 0;
  }

  has(name: string): boolean {
    return this.#fields.some((field) => field.name === name);
  }

  /** Throws where it is missing and there is no fallback. */
  column(name: string, fallback?: number): Float64Array {
    const field = this.#fields.find((one) => one.name === name);
    if (field === undefined) {
      if (fallback === undefined) throw new FormatError(`nodes have no field ${name}`);
      return new Float64Array(this.count).fill(fallback);
    }
    const read = reader(this.#view, field);
    return Float64Array.from({ length: this.count }, (_, at) =>
      read(at * this.#itemBytes + field.offset),
    );
  }
}

function reader(view: DataView, { dtype, name }: PyField): (at: number) => number {
  const code = `${dtype.code}${dtype.itemBytes}`;
  switch (code) {
    case "f8":
      return (at) => view.getFloat64(at, true);
    case "f4":
      return (at) => view.getFloat32(at, true);
    case "i8":
      return (at) => Number(view.getBigInt64(at, true));
    case "u8":
      return (at) => Number(view.getBigUint64(at, true));
    case "i4":
      return (at) => view.getInt32(at, true);
    case "u4":
      return (at) => view.getUint32(at, true);
    case "u1":
    case "b1":
      return (at) => view.getUint8(at);
    case "i1":
      return (at) => view.getInt8(at);
    default:
      throw new FormatError(`the field ${name} of nodes has the type ${code}, which is not known`);
  }
}

/** What scikit-learn's trees compare: every number rounded to float32. */
export function treeInput({ graph, estimator, columns }: Part): Value {
  restrict(columns, takesMissing(estimator) ? "missing" : "finite");
  return rounded(graph, matrixOf(graph, columns));
}

/** From which release on missing values have a way through the trees. */
function takesMissing({ name, release }: Attributes): boolean {
  if (name.startsWith("DecisionTree")) return release >= 1.003;
  if (name.startsWith("RandomForest")) return release >= 1.004;
  if (name.startsWith("Extra")) return release >= 1.006;
  return false;
}

/** A tree with these values at its leaves. */
export function withValues(tree: Tree, valueAt: (node: number) => number): Tree {
  const value = Float64Array.from(tree.left, (_, node) => (isLeaf(tree, node) ? valueAt(node) : 0));
  return { ...tree, value };
}

/**
 * For each row the mean over trees of one row of a table per leaf, [N, width]: leaves are numbered
 * through, and the trees say which was met. Sums are made in the order of the trees.
 */
export function meanRows(
  graph: GraphBuilder,
  x: Value,
  trees: readonly FittedTree[],
  rowAt: (tree: FittedTree, node: number) => ArrayLike<number>,
): { value: Value; width: number } {
  let width = 0;
  const table: number[] = [];
  let leaves = 0;
  const numbered = trees.map((one) =>
    withValues(one.tree, (node) => {
      const row = rowAt(one, node);
      width = row.length;
      for (let at = 0; at < row.length; at += 1) table.push(row[at] ?? 0);
      leaves += 1;
      return leaves - 1;
    }),
  );
  const met = lowerEnsemble(graph, x, {
    trees: numbered,
    targets: numbered.map((_, at) => at),
    targetCount: numbered.length,
    comparison: "leq",
  });
  graph.widen(numbered.length * width);
  const rows = graph.gather(graph.doubles(table, [leaves, width]), graph.cast(met, "INT64"));
  const sum = graph.sum(rows);
  if (trees.length === 1) return { value: sum, width };
  return { value: graph.div(sum, graph.double(trees.length)), width };
}

/** Old releases keep weights of classes, new ones shares: always shares. */
function sharesAt({ values }: FittedTree, node: number): Float64Array {
  const [, outputs = 1, classes = 1] = values.shape;
  const from = node * outputs * classes;
  const row = values.values.slice(from, from + outputs * classes);
  for (let output = 0; output < outputs; output += 1) {
    let sum = 0;
    for (let at = 0; at < classes; at += 1) sum += row[output * classes + at] ?? 0;
    if (sum === 1 || sum === 0) continue;
    for (let at = 0; at < classes; at += 1) {
      row[output * classes + at] = (row[output * classes + at] ?? 0) / sum;
    }
  }
  return row;
}

function classifierOf(part: Part, trees: readonly FittedTree[]): Fitted {
  const { graph, estimator } = part;
  const x = treeInput(part);
  const [first] = trees;
  const [, outputs = 1, classes = 1] = first?.values.shape ?? [];
  const { value } = meanRows(graph, x, trees, sharesAt);
  if (outputs === 1) return byProba(graph, classesOf(estimator), value);
  const labels = estimator.items("classes_").map((one) => labelsOf(one));
  const answers = labels.map((own, at) => {
    const columns = own.values.map((_, index) => at * classes + index);
    const index = graph.argMax(graph.columns(value, columns));
    return graph.reshape(labelled(graph, own, index), [-1, 1]);
  });
  const [kind] = labels;
  if (kind === undefined || labels.some(({ datatype }) => datatype !== kind.datatype)) {
    throw new FormatError(`${estimator.name} has outputs whose classes are of several types`);
  }
  return { manyClasses: { value: graph.concat(answers), width: outputs, labels: kind } };
}

function regressorOf(part: Part, trees: readonly FittedTree[]): Fitted {
  const { graph } = part;
  const x = treeInput(part);
  const [, outputs = 1] = trees[0]?.values.shape ?? [];
  if (outputs > 1) {
    const rowAt = ({ values }: FittedTree, node: number) =>
      values.values.subarray(node * outputs, (node + 1) * outputs);
    return { predict: meanRows(graph, x, trees, rowAt) };
  }
  const sum = lowerEnsemble(graph, x, {
    trees: trees.map(({ tree, values }) => withValues(tree, (node) => values.values[node] ?? 0)),
    targets: trees.map(() => 0),
    targetCount: 1,
    comparison: "leq",
  });
  const flat = graph.reshape(sum, [-1]);
  const value = trees.length === 1 ? flat : graph.div(flat, graph.double(trees.length));
  return { predict: { value, width: undefined } };
}

export const lowerTreeClassifier: Lowering = (part) => classifierOf(part, [treeOf(part.estimator)]);

export const lowerTreeRegressor: Lowering = (part) => regressorOf(part, [treeOf(part.estimator)]);

export const lowerForestClassifier: Lowering = (part) =>
  classifierOf(part, part.estimator.children("estimators_").map(treeOf));

export const lowerForestRegressor: Lowering = (part) =>
  regressorOf(part, part.estimator.children("estimators_").map(treeOf));
