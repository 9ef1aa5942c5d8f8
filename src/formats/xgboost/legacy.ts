import { FormatError } from "../error.ts";
import { noMembers, type Tree } from "../trees/ensemble.ts";
import { checked, type XgboostModel } from "./model.ts";

/** The binary format of XGBoost up to 3.0 (src/learner.cc, src/gbm/gbtree_model.h). */

const learnerBytes = 136;
const boosterBytes = 160;
const treeBytes = 148;
const nodeBytes = 20;
const statBytes = 16;
const linearBytes = 136;
const defaultLeft = 2 ** 31;

export function readLegacy(bytes: Uint8Array): XgboostModel {
  return checked(legacyModel(bytes));
}

function legacyModel(bytes: Uint8Array): XgboostModel {
  const reader = new Reader(bytes);
  if (reader.startsWith("binf")) reader.skip(4);
  const learner = reader.view(learnerBytes);
  const major = learner.getUint32(20, true);
  const objectiveAt = reader.text();
  const booster = reader.text();
  const classes = learner.getInt32(8, true);
  const targets = learner.getUint32(28, true);
  const shared = {
    release: major + learner.getUint32(24, true) / 1_000,
    objective: objectiveAt,
    parameters: new Map<string, string>(),
    baseScore: [learner.getFloat32(0, true)],
    // Releases before 1.0 stored it as it is added.
    baseIsMargin: major === 0,
    features: learner.getUint32(4, true),
    groups: Math.max(1, classes, targets),
    classes,
    featureNames: undefined,
    attributes: new Map<string, string>(),
    parallel: 1,
    iterations: undefined,
  };
  if (booster === "gblinear") {
    reader.skip(linearBytes);
    const linear = reader.floats(reader.length8());
    return { ...shared, booster, trees: [], treeGroups: [], weights: undefined, linear };
  }
  if (booster !== "gbtree" && booster !== "dart") {
    throw new FormatError("no XGBoost model, or a damaged one: its booster is not known");
  }
  const parameters = reader.view(boosterBytes);
  const count = parameters.getInt32(0, true);
  reader.require(count * treeBytes);
  const trees = Array.from({ length: count }, () => readTree(reader, major));
  const treeGroups = reader.ints(count);
  const weights =
    booster === "dart" && count > 0 ? [...reader.floats(reader.length8())] : undefined;
  return { ...shared, booster, trees, treeGroups, weights, linear: undefined };
}

function readTree(reader: Reader, major: number): Tree {
  const parameters = reader.view(treeBytes);
  const count = parameters.getInt32(4, true);
  const vector = parameters.getInt32(20, true);
  if (vector > 1) throw new FormatError("trees with a vector in each leaf are not supported");
  if (count <= 0) throw new FormatError("no XGBoost model, or a damaged one: a tree has no nodes");
  const nodes = reader.view(count * nodeBytes);
  reader.skip(count * statBytes);
  if (vector !== 0 && major < 2) reader.floats(reader.length8());
  const at = (offset: number) =>
    Int32Array.from({ length: count }, (_, node) =>
      nodes.getInt32(node * nodeBytes + offset, true),
    );
  const left = at(4);
  const split = Array.from({ length: count }, (_, node) =>
    nodes.getUint32(node * nodeBytes + 12, true),
  );
  const values = Float64Array.from({ length: count }, (_, node) =>
    nodes.getFloat32(node * nodeBytes + 16, true),
  );
  return {
    left,
    right: at(8),
    feature: Int32Array.from(split, (one) => one % defaultLeft),
    threshold: values.map((value, node) => (left[node] === -1 ? 0 : value)),
    missingLeft: Uint8Array.from(split, (one) => (one >= defaultLeft ? 1 : 0)),
    value: values.map((value, node) => (left[node] === -1 ? value : 0)),
    members: noMembers,
  };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  startsWith(text: string): boolean {
    return this.#bytes.toString("latin1", 0, text.length) === text;
  }

  require(count: number): void {
    if (count < 0 || count > this.#bytes.length - this.#at) {
      throw new FormatError("no XGBoost model, or one that is cut off");
    }
  }

  skip(count: number): void {
    this.require(count);
    this.#at += count;
  }

  view(count: number): DataView {
    this.require(count);
    const { buffer, byteOffset } = this.#bytes;
    const view = new DataView(buffer, byteOffset + this.#at, count);
    this.#at += count;
    return view;
  }

  length8(): number {
    const length = Number(this.view(8).getBigUint64(0, true));
    this.require(length);
    return length;
  }

  text(): string {
    const length = this.length8();
    const text = this.#bytes.toString("latin1", this.#at, this.#at + length);
    this.#at += length;
    return text;
  }

  ints(count: number): number[] {
    const view = this.view(4 * count);
    return Array.from({ length: count }, (_, at) => view.getInt32(4 * at, true));
  }

  floats(count: number): Float64Array {
    const view = this.view(4 * count);
    return Float64Array.from({ length: count }, (_, at) => view.getFloat32(4 * at, true));
  }
}
