import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  arrayFieldsMax,
  boosterGroupsMax,
  columnsMax,
  estimatorNestingMax,
  neighborElementsMax,
  pickleNestingMax,
  treeDepthMax,
} from "../../src/domain/limits.ts";
import { FormatError } from "../../src/formats/error.ts";
import { dtypeOf, setDtypeState } from "../../src/formats/pickle/numpy.ts";
import { readPickle } from "../../src/formats/pickle/read.ts";
import type { NdArray, PyObject, PyValue } from "../../src/formats/pickle/values.ts";
import { convertSklearn } from "../../src/formats/sklearn/convert.ts";
import { checkTree, noMembers, type Tree } from "../../src/formats/trees/ensemble.ts";
import { readXgboost } from "../../src/formats/xgboost/convert.ts";

/** Bounds of model files, each at n and n + 1. */

function object(name: string, attributes: Record<string, PyValue>): PyObject {
  const type = { kind: "global" as const, module: "sklearn.pipeline", name };
  const map = new Map(Object.entries(attributes));
  return { kind: "object", type, args: [], attributes: map, state: undefined };
}

function doubles(shape: readonly number[], value = 1): NdArray {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return {
    kind: "array",
    dtype: dtypeOf("f8"),
    shape,
    elements: new Float64Array(count).fill(value),
  };
}

const scaler = (width: number) =>
  object("MaxAbsScaler", { scale_: doubles([width]), n_features_in_: width });

function nested(depth: number): PyObject {
  let inner: PyObject = scaler(2);
  for (let at = 1; at < depth; at += 1) {
    const step: PyValue = { kind: "tuple", items: ["step", inner] };
    inner = object("Pipeline", { steps: { kind: "list", items: [step] } });
  }
  return inner;
}

/** Goes left at every node. */
function chain(depth: number): Tree {
  const nodes = 2 * depth + 1;
  const left = new Int32Array(nodes).fill(-1);
  const right = new Int32Array(nodes).fill(-1);
  for (let at = 0; at < depth; at += 1) {
    left[2 * at] = 2 * at + 2;
    right[2 * at] = 2 * at + 1;
  }
  const feature = new Int32Array(nodes);
  const threshold = new Float64Array(nodes);
  const missingLeft = new Uint8Array(nodes);
  const value = new Float64Array(nodes);
  return { left, right, feature, threshold, missingLeft, value, members: noMembers };
}

describe("bounds of model files", () => {
  it("estimators in estimators", () => {
    expect(() => convertSklearn(nested(estimatorNestingMax))).not.toThrow();
    expect(() => convertSklearn(nested(estimatorNestingMax + 1))).toThrow(FormatError);
  });

  it("columns", () => {
    expect(() => convertSklearn(scaler(columnsMax))).not.toThrow();
    expect(() => convertSklearn(scaler(columnsMax + 1))).toThrow(/at most 10000/);
  });

  it("depth of trees, and their form", () => {
    expect(() => checkTree(chain(treeDepthMax), 1)).not.toThrow();
    expect(() => checkTree(chain(treeDepthMax + 1), 1)).toThrow(/deeper than 10000/);
    const loop = chain(2);
    loop.left[2] = 0;
    expect(() => checkTree(loop, 1)).toThrow(/cycle/);
    const stranger = chain(2);
    stranger.left[2] = 99;
    expect(() => checkTree(stranger, 1)).toThrow(/does not exist/);
    expect(() => checkTree(chain(2), 0)).toThrow(/feature 0/);
  });

  it("values that neighbours are looked for in", () => {
    const neighbors = (rows: number) =>
      object("KNeighborsClassifier", {
        _fit_X: { ...doubles([1, 10]), shape: [rows, 10] },
        n_features_in_: 10,
        classes_: doubles([2]),
      });
    const over = neighborElementsMax / 10 + 1;
    expect(() => convertSklearn(neighbors(over))).toThrow(/too large to be served/);
    expect(() => convertSklearn(neighbors(over - 1))).not.toThrow(/too large to be served/);
  });

  it("classes of boosters", () => {
    const file = "goldens/boosters/1.7.6-3.3.5/xgb-squarederror-gbtree.json";
    const text = readFileSync(join(import.meta.dirname, file), "utf8");
    const withClasses = (count: number) =>
      Buffer.from(text.replace(/"num_class":"\d+"/, `"num_class":"${count}"`));
    expect(readXgboost(withClasses(boosterGroupsMax)).groups).toBe(boosterGroupsMax);
    expect(() => readXgboost(withClasses(boosterGroupsMax + 1))).toThrow(/at most 10000/);
  });

  it("fields of records", () => {
    const state = (count: number): PyValue[] => {
      const names = Array.from({ length: count }, (_, at) => `f${at}`);
      const field = (at: number): PyValue => ({ kind: "tuple", items: [dtypeOf("f8"), 8 * at] });
      const entries = new Map<PyValue, PyValue>(names.map((name, at) => [name, field(at)]));
      return [3, "|", null, { kind: "tuple", items: names }, { kind: "dict", entries }, 8 * count];
    };
    expect(() => setDtypeState(dtypeOf("V1"), state(arrayFieldsMax))).not.toThrow();
    expect(() => setDtypeState(dtypeOf("V1"), state(arrayFieldsMax + 1))).toThrow(FormatError);
  });

  it("pickles in pickles", async () => {
    // An array of objects of joblib's holds a whole pickle, which may hold another one.
    const head =
      "\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x05\x00\x00\x00shapeK\x01\x85" +
      "X\x05\x00\x00\x00orderX\x01\x00\x00\x00CX\x05\x00\x00\x00dtypecnumpy\ndtype\n" +
      "X\x02\x00\x00\x00O8K\x00K\x01\x87Rub";
    const deep = (depth: number) =>
      Buffer.from(`${head.repeat(depth)}\x80\x02]K\x01a.${"\x85.".repeat(depth)}`, "latin1");
    await expect(readPickle(deep(pickleNestingMax))).resolves.toBeDefined();
    await expect(readPickle(deep(pickleNestingMax + 1))).rejects.toThrow(/nested too deep/);
  });
});
