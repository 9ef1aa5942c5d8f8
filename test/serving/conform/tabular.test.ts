import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FixedDatatype } from "../../../src/domain/datatype.ts";
import { tableElementsMax } from "../../../src/domain/limits.ts";
import {
  clientInputs,
  clientOutputs,
  type Feed,
  type NumberColumn,
  type TableColumn,
  type TabularSignature,
} from "../../../src/domain/model.ts";
import type { Inputs, Parameters } from "../../../src/domain/request.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import { answerIn } from "../../../src/serving/conform/conformed.ts";
import { checkSize } from "../../../src/serving/conform/frame.ts";
import { conform } from "../../../src/serving/conform.ts";
import { refusal } from "../../protocol/refusal.ts";
import { tensorInputs } from "../../support/inputs.ts";
import { columnsOf, doubles, modelOf, named, requestOf, rowsOf, values } from "./requests.ts";

const number = (name?: string, takes: NumberColumn["takes"] = "finite"): TableColumn => ({
  type: "number",
  name,
  takes,
});

const text = (name?: string, missing?: string): TableColumn => ({ type: "text", name, missing });

const feed = (name: string, datatype: Feed["datatype"], ...columns: readonly number[]): Feed => ({
  name,
  datatype,
  columns,
});

const labels = { name: "predict", output: "label", datatype: "INT64", shape: [-1] } as const;
const scores = {
  name: "predict_proba",
  output: "scores",
  datatype: "FP64",
  shape: [-1, 2],
} as const;

function signatureOf(rest: Partial<TabularSignature>): TabularSignature {
  const columns = rest.columns ?? [number(), number()];
  return {
    kind: "tabular",
    library: "sklearn",
    estimator: "SVC",
    columns,
    feeds: [feed("numbers", "FP64", ...columns.keys())],
    methods: [labels, scores],
    method: "predict",
    style: "kserve",
    ...rest,
  };
}

function conformed(inputs: Inputs, rest: Partial<TabularSignature> = {}, parameters?: Parameters) {
  return conform(requestOf(inputs, [], parameters), modelOf(signatureOf(rest)));
}

const refused = (
  inputs: Inputs,
  rest: Partial<TabularSignature> = {},
  parameters?: Parameters,
): string => refusal(() => conformed(inputs, rest, parameters));

/** Shape and elements of the matrix that a feed got. */
function matrixOf(tensor: Tensor | undefined): unknown {
  if (tensor === undefined) return undefined;
  if (tensor.datatype === "BYTES") return [tensor.shape, tensor.strings];
  const own = new Uint8Array(tensor.bytes).buffer;
  const array = tensor.datatype === "FP32" ? new Float32Array(own) : new Float64Array(own);
  return [tensor.shape, [...array]];
}

const matrices = (inputs: Inputs, rest?: Partial<TabularSignature>, parameters?: Parameters) =>
  conformed(inputs, rest, parameters).inputs.map(matrixOf);

function tensor(name: string, datatype: FixedDatatype, shape: number[], view: ArrayBufferView) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { name, datatype, shape, bytes };
}

function texts(name: string, shape: readonly number[], ...strings: readonly string[]): Tensor {
  return { name, datatype: "BYTES", shape, strings };
}

const pd: Parameters = new Map([["content_type", "pd"]]);

describe("one tensor", () => {
  const numbers = [1, 2, 3, 4];
  const arrays: readonly (readonly [FixedDatatype, ArrayBufferView])[] = [
    ["BOOL", Uint8Array.of(1, 0, 0, 1)],
    ["UINT8", Uint8Array.from(numbers)],
    ["INT8", Int8Array.from(numbers)],
    ["UINT16", Uint16Array.from(numbers)],
    ["INT16", Int16Array.from(numbers)],
    ["UINT32", Uint32Array.from(numbers)],
    ["INT32", Int32Array.from(numbers)],
    ["UINT64", BigUint64Array.from(numbers, BigInt)],
    ["INT64", BigInt64Array.from(numbers, BigInt)],
    ["FP16", Float16Array.from(numbers)],
    ["BF16", Uint16Array.of(0x3f80, 0x4000, 0x4040, 0x4080)],
    ["FP32", Float32Array.from(numbers)],
    ["FP64", Float64Array.from(numbers)],
  ];

  it.each(arrays)("of %s, under any name, is the matrix of all columns", (datatype, view) => {
    const expected = datatype === "BOOL" ? [1, 0, 0, 1] : numbers;
    const inputs = tensorInputs(tensor("whatever", datatype, [2, 2], view));
    for (const feedType of ["FP32", "FP64"] as const) {
      const feeds = [feed("x", feedType, 0, 1)];
      expect(matrices(inputs, { feeds })).toEqual([[[2, 2], expected]]);
      // A graph may take the columns apart, and in another order.
      const apart = [feed("b", feedType, 1), feed("a", feedType, 1, 0)];
      const [one, two, three, four] = expected;
      expect(matrices(inputs, { feeds: apart })).toEqual([
        [
          [2, 1],
          [two, four],
        ],
        [
          [2, 2],
          [two, one, four, three],
        ],
      ]);
    }
  });

  it("is not copied where the graph takes it as it is", () => {
    const given = tensor("x", "FP32", [1, 2], Float32Array.of(1, 2));
    const [input] = conformed(tensorInputs(given), { feeds: [feed("x", "FP32", 0, 1)] }).inputs;
    expect(input?.datatype === "FP32" && input.bytes.buffer).toBe(given.bytes.buffer);
  });

  it("of another width or rank is refused in the library's words", () => {
    const three = tensorInputs(tensor("x", "FP32", [1, 3], new Float32Array(3)));
    expect(refused(three)).toBe("X has 3 features, but SVC is expecting 2 features as input.");
    expect(refused(three, { library: "xgboost" })).toBe(
      "Feature shape mismatch, expected: 2, got 3",
    );
    expect(refused(three, { library: "lightgbm" })).toBe(
      "The number of features in data (3) is not the same as it was in training data (2).",
    );
    const flat = (shape: number[], size: number) =>
      refused(tensorInputs(tensor("x", "FP32", shape, new Float32Array(size))));
    expect(flat([2], 2)).toContain("Expected 2D array, got 1D array instead");
    expect(flat([], 1)).toContain("Expected 2D array, got scalar array instead");
    expect(flat([1, 1, 2], 2)).toContain("Found array with dim 3");
    expect(flat([0, 2], 0)).toBe(
      "Found array with 0 sample(s) (shape=(0, 2)) while a minimum of 1 is required by SVC.",
    );
    expect(refused(tensorInputs())).toContain("no inputs");
  });

  it("may be one value a row where the model has one column", () => {
    const columns = [text()];
    const feeds = [feed("t", "BYTES", 0)];
    for (const shape of [[2], [2, 1]]) {
      expect(matrices(tensorInputs(texts("x", shape, "a", "b")), { columns, feeds })).toEqual([
        [
          [2, 1],
          ["a", "b"],
        ],
      ]);
    }
    const doubles = tensorInputs(tensor("x", "FP64", [2], Float64Array.of(1, 2)));
    expect(matrices(doubles, { columns: [number()] })).toEqual([
      [
        [2, 1],
        [1, 2],
      ],
    ]);
  });

  it("has text for columns of text, and numbers for others", () => {
    const numbers = tensorInputs(tensor("x", "INT8", [1, 2], Int8Array.of(1, 2)));
    const columns = [text("a"), text("b")];
    expect(refused(numbers, { columns, feeds: [feed("t", "BYTES", 0, 1)] })).toBe(
      "column 'a' of row 0 is 1, expected a string",
    );
    expect(refused(tensorInputs(texts("x", [1, 2], "1", "2")))).toBe(
      'column 0 of row 0 is "1", expected a number',
    );
  });
});

describe("numbers", () => {
  const asSingle = { columns: [number()], feeds: [feed("x", "FP32", 0)] };

  it("are rounded once, as a conversion of the bits does it", () => {
    const single = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(single, (value) => {
        const inputs = tensorInputs(tensor("x", "INT64", [1], BigInt64Array.of(value)));
        expect(matrices(inputs, asSingle)).toEqual([[[1, 1], [nearestSingle(value)]]]);
        expect(matrices(inputs, { columns: [number()] })).toEqual([[[1, 1], [Number(value)]]]);
      }),
    );
    // Just above the middle between two FP32: a double in between would round it down.
    const above = 2n ** 60n + 2n ** 36n + 1n;
    const inputs = tensorInputs(tensor("x", "INT64", [1], BigInt64Array.of(above)));
    expect(matrices(inputs, asSingle)).toEqual([[[1, 1], [2 ** 60 + 2 ** 37]]]);
    expect(Math.fround(Number(above))).toBe(2 ** 60);
  });

  it("are NaN where they are missing, if the model takes that", () => {
    const missing = rowsOf(1, values([1, 2], [null, 1]));
    expect(refused(missing)).toContain("Input X contains NaN. SVC does not accept missing values");
    const columns = [number("a", "missing"), number("b", "any")];
    expect(matrices(missing, { columns })).toEqual([
      [
        [1, 2],
        [Number.NaN, 1],
      ],
    ]);
    const infinite = (...pair: number[]) => rowsOf(1, doubles([1, 2], ...pair));
    expect(matrices(infinite(1, Number.POSITIVE_INFINITY), { columns })).toEqual([
      [
        [1, 2],
        [1, Number.POSITIVE_INFINITY],
      ],
    ]);
    expect(refused(infinite(Number.NEGATIVE_INFINITY, 1), { columns })).toBe(
      "Input X contains infinity or a value too large for dtype('float64').",
    );
    expect(refused(infinite(Number.NEGATIVE_INFINITY, 1), { columns, library: "xgboost" })).toBe(
      "Input data contains `inf` or a value too large, while `missing` is not `inf`",
    );
  });

  it("that FP32 cannot hold become no infinities", () => {
    const columns = [number("a", "any")];
    const large = rowsOf(1, doubles([1], 1e39));
    expect(refused(large, { columns, feeds: [feed("x", "FP32", 0)] })).toContain(
      "a value too large for dtype('float32')",
    );
    const huge = rowsOf(1, values([1], [10n ** 309n]));
    expect(refused(huge, { columns })).toContain("a value too large for dtype('float64')");
  });

  it("may be booleans and long integers, but no strings", () => {
    expect(matrices(rowsOf(1, values([1, 2], [true, 2n ** 60n])))).toEqual([
      [
        [1, 2],
        [1, 2 ** 60],
      ],
    ]);
    expect(refused(rowsOf(2, values([2, 2], [1, 2, 3, "4"])))).toBe(
      'column 1 of row 1 is "4", expected a number',
    );
  });
});

/** By its definition: of the two neighbours the nearer one, or the even one. */
function nearestSingle(value: bigint): number {
  const guess = Math.fround(Number(value));
  const bits = new Uint32Array(Float32Array.of(guess).buffer)[0] ?? 0;
  const around = [-1, 0, 1].map((step) => {
    const pattern = (bits + step) >>> 0;
    return { pattern, single: new Float32Array(Uint32Array.of(pattern).buffer)[0] ?? 0 };
  });
  const distance = (single: number) => {
    const off = BigInt(Math.trunc(single)) - value;
    return off < 0n ? -off : off;
  };
  const whole = around.filter(({ single }) => Number.isInteger(single));
  const [best] = whole.sort((a, b) => {
    const difference = distance(a.single) - distance(b.single);
    return difference === 0n ? (a.pattern & 1) - (b.pattern & 1) : Number(difference > 0n) * 2 - 1;
  });
  return best?.single ?? Number(value);
}

describe("columns by name", () => {
  const columns = [number("a", "missing"), text("b", "?")];
  const mixed = { columns, feeds: [feed("n", "FP64", 0), feed("t", "BYTES", 1)] };

  it("are found in any order, as a tensor each", () => {
    const b = texts("b", [2], "x", "y");
    const a = tensor("a", "INT32", [2, 1], Int32Array.of(1, 2));
    const extra = tensor("c", "FP32", [2], new Float32Array(2));
    for (const parameters of [pd, undefined]) {
      expect(matrices(tensorInputs(b, extra, a), mixed, parameters)).toEqual([
        [
          [2, 1],
          [1, 2],
        ],
        [
          [2, 1],
          ["x", "y"],
        ],
      ]);
    }
    const only = tensorInputs(tensor("a", "FP64", [1], Float64Array.of(5)));
    expect(matrices(only, { columns: [number("a")] }, pd)).toEqual([[[1, 1], [5]]]);
    expect(refused(only, { columns: [number("b")] }, pd)).toContain("now missing: ['b']");
  });

  it("are those of rows as objects, and null where a row has none", () => {
    const rows = rowsOf(3, [
      named("b", values([2], ["x", "y"]), [0, 2]),
      named("a", doubles([3], 1, 2, 3)),
    ]);
    expect(matrices(rows, mixed)).toEqual([
      [
        [3, 1],
        [1, 2, 3],
      ],
      [
        [3, 1],
        ["x", "?", "y"],
      ],
    ]);
    expect(refused(rows, { ...mixed, columns: [number("a"), text("b")] })).toBe(
      "column 'b' of row 1 is missing, expected a string",
    );
  });

  it("may each have several rows, as pandas makes a frame of them", () => {
    const frames = rowsOf(2, [
      named("b", values([2, 2], ["w", "x", "y", "z"])),
      named("a", doubles([1, 2], 1, 2), [1]),
    ]);
    expect(matrices(frames, mixed)).toEqual([
      [
        [4, 1],
        [Number.NaN, Number.NaN, 1, 2],
      ],
      [
        [4, 1],
        ["w", "x", "y", "z"],
      ],
    ]);
  });

  it("may have another number of rows in each object, and one value for all of them", () => {
    const lengths = [2, 0, 1];
    const frames = rowsOf(4, [
      { ...named("a", doubles([3], 1, 2, 3), [0, 1, 3]), lengths },
      { ...named("b", values([3], ["x", "y", "z"]), [0, 1, 3]), lengths },
    ]);
    // The third object has nothing, which is a row all the same.
    expect(matrices(frames, mixed)).toEqual([
      [
        [4, 1],
        [1, 2, Number.NaN, 3],
      ],
      [
        [4, 1],
        ["x", "y", "?", "z"],
      ],
    ]);
    const spread = rowsOf(2, [
      { ...named("a", doubles([3], 1, 2, 3)), lengths: [2, 1] },
      named("b", values([2], ["x", "y"])),
    ]);
    expect(matrices(spread, mixed)).toEqual([
      [
        [3, 1],
        [1, 2, 3],
      ],
      [
        [3, 1],
        ["x", "x", "y"],
      ],
    ]);
    const uneven = rowsOf(1, [
      named("a", doubles([1, 2], 1, 2)),
      named("b", values([1, 1], ["x"])),
    ]);
    expect(refused(uneven, mixed)).toBe(
      "all columns must be of the same length: another has 2 values, 'b' has 1",
    );
    const deep = rowsOf(1, [named("a", doubles([1, 1, 1], 1)), named("b", values([1], ["x"]))]);
    expect(refused(deep, mixed)).toContain("single values are expected");
  });

  it("are those of columnar inputs", () => {
    const both = columnsOf([named("a", doubles([2], 1, 2)), named("b", values([2], ["x", null]))]);
    expect(matrices(both, mixed)).toEqual([
      [
        [2, 1],
        [1, 2],
      ],
      [
        [2, 1],
        ["x", "?"],
      ],
    ]);
    const uneven = columnsOf([named("a", doubles([2], 1, 2)), named("b", values([1], ["x"]))]);
    expect(refused(uneven, mixed)).toBe(
      "all columns must be of the same length: 'a' has 2 values, 'b' has 1",
    );
  });

  it("have a bound on what they may take, at n and n + 1", () => {
    checkSize(tableElementsMax / 8, 8);
    expect(refusal(() => checkSize(tableElementsMax / 8 + 1, 8))).toContain("send fewer rows");
    const rows = rowsOf(tableElementsMax, [named("a", doubles([1], 1), [0])]);
    const rest = { columns: [number("a", "any"), number("b", "any")] };
    expect(refused(rows, { ...rest, library: "lightgbm" })).toContain("send fewer rows");
  });

  it("go by their order where the model has no names", () => {
    const rows = rowsOf(1, [named("q", doubles([1], 1)), named("p", doubles([1], 2))]);
    expect(matrices(rows)).toEqual([
      [
        [1, 2],
        [1, 2],
      ],
    ]);
    expect(refused(rowsOf(1, [named("q", doubles([1], 1))]))).toContain("X has 1 features");
  });

  it("must be there, except for LightGBM, as its server fills them", () => {
    const rest = { columns: [number("a", "any"), number("b", "any")] };
    const rows = rowsOf(1, [named("b", doubles([1], 1))]);
    expect(refused(rows, rest)).toContain("yet now missing: ['a']");
    expect(refused(rows, { ...rest, library: "xgboost" })).toContain(
      "feature_names mismatch: expected ['a']",
    );
    expect(matrices(rows, { ...rest, library: "lightgbm" })).toEqual([
      [
        [1, 2],
        [Number.NaN, 1],
      ],
    ]);
    const wrong = rowsOf(1, [named("c", doubles([1], 1))]);
    expect(refused(wrong, { ...rest, library: "lightgbm" })).toContain("missing: ['a','b']");
  });

  it("or all in one value, under any name", () => {
    const rows = rowsOf(2, [named("input-0", doubles([2, 2], 1, 2, 3, 4))]);
    expect(matrices(rows)).toEqual([
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
    ]);
    expect(matrices(columnsOf([named("x", doubles([1, 2], 1, 2))]))).toEqual([
      [
        [1, 2],
        [1, 2],
      ],
    ]);
  });
});

describe("a raw body", () => {
  it("is the matrix that the metadata shows", () => {
    const bytes = new Uint8Array(Float64Array.of(1, 2).buffer);
    expect(matrices({ kind: "raw", bytes })).toEqual([
      [
        [1, 2],
        [1, 2],
      ],
    ]);
    const columns = [number(), text()];
    expect(refused({ kind: "raw", bytes }, { columns })).toContain("must only have 1 input");
  });
});

describe("answers", () => {
  const rows = rowsOf(2, doubles([2, 2], 1, 2, 3, 4));
  const tensors = tensorInputs(tensor("x", "FP64", [2, 2], Float64Array.of(1, 2, 3, 4)));
  const label = tensor("label", "INT64", [2], BigInt64Array.of(0n, 1n));
  const score = tensor("scores", "FP64", [2, 2], Float64Array.of(1, 0, 0, 1));

  /** Names and shapes of the answer. */
  function answered(inputs: Inputs, outputs: string[], rest: Partial<TabularSignature> = {}) {
    const { outputs: asked, form } = conform(
      requestOf(inputs, outputs),
      modelOf(signatureOf(rest)),
    );
    const given = asked.map((name) => (name === "label" ? label : score));
    return answerIn(form, given).map(({ name, shape }) => [name, shape]);
  }

  it("are KServe's output-0, or named and shaped as by MLServer", () => {
    expect(answered(tensors, [])).toEqual([["output-0", [2]]]);
    expect(answered(tensors, [], { method: "predict_proba" })).toEqual([["output-0", [2, 2]]]);
    expect(answered(tensors, [], { style: "mlserver" })).toEqual([["predict", [2, 1]]]);
    expect(answered(rows, [], { style: "mlserver" })).toEqual([["output-0", [2]]]);
    expect(answered(tensors, ["predict_proba", "predict", "output-0"])).toEqual([
      ["predict_proba", [2, 2]],
      ["predict", [2, 1]],
      ["output-0", [2]],
    ]);
  });

  it("are those of methods that the model has", () => {
    expect(refusal(() => answered(tensors, ["transform"]))).toBe(
      "unexpected inference output 'transform' for model 'm'. It has " +
        "['output-0','predict','predict_proba'].",
    );
  });

  it("compute an output of the graph once", () => {
    const model = modelOf(signatureOf({}));
    expect(conform(requestOf(tensors, ["predict", "output-0"]), model).outputs).toEqual(["label"]);
  });

  it("are what the metadata says", () => {
    const mixed = [number("a"), text()];
    expect(clientInputs(signatureOf({}))).toEqual([
      { name: "input-0", datatype: "FP64", shape: [-1, 2] },
    ]);
    expect(clientInputs(signatureOf({ columns: [text()] }))).toEqual([
      { name: "input-0", datatype: "BYTES", shape: [-1, 1] },
    ]);
    expect(clientInputs(signatureOf({ columns: mixed, feeds: [feed("n", "FP32", 0)] }))).toEqual([
      { name: "a", datatype: "FP32", shape: [-1] },
      { name: "input-1", datatype: "BYTES", shape: [-1] },
    ]);
    expect(clientOutputs(signatureOf({}))).toEqual([
      { name: "output-0", datatype: "INT64", shape: [-1] },
    ]);
    expect(clientOutputs(signatureOf({ style: "mlserver" }))).toEqual([
      { name: "predict", datatype: "INT64", shape: [-1, 1] },
    ]);
  });
});
