import { describe, expect, it } from "vitest";
import { badElement, storeOf } from "../../../src/domain/elements.ts";
import { stringElementsMax } from "../../../src/domain/limits.ts";
import type { Inputs, Scalar } from "../../../src/domain/request.ts";
import type { Tensor, TensorSpec } from "../../../src/domain/tensor.ts";
import { answerIn } from "../../../src/serving/conform/conformed.ts";
import { conform } from "../../../src/serving/conform.ts";
import { refusal } from "../../protocol/refusal.ts";
import { tensorInputs } from "../../support/inputs.ts";
import { columnsOf, doubles, modelOf, named, requestOf, rowsOf, values } from "./requests.ts";

const spec = (
  name: string,
  datatype: TensorSpec["datatype"],
  shape: TensorSpec["shape"],
): TensorSpec => ({ name, datatype, shape });

const y = spec("y", "FP32", [-1]);

function conformed(inputs: Inputs, ...specs: readonly TensorSpec[]) {
  return conform(requestOf(inputs), modelOf({ kind: "fixed", inputs: specs, outputs: [y] }));
}

const refused = (inputs: Inputs, ...specs: readonly TensorSpec[]) =>
  refusal(() => conformed(inputs, ...specs));

/** A tensor with its elements as numbers. */
function floats(name: string, shape: readonly number[], ...elements: readonly number[]): Tensor {
  const bytes = new Uint8Array(Float32Array.from(elements).buffer);
  return { name, datatype: "FP32", shape, bytes };
}

describe("rows", () => {
  const two = rowsOf(2, doubles([2, 3], 1, 2, 3, 4, 5, 6));

  it("are stacked into the only input", () => {
    const { inputs, form, outputs } = conformed(two, spec("x", "FP32", [-1, 3]));
    expect(inputs).toEqual([floats("x", [2, 3], 1, 2, 3, 4, 5, 6)]);
    expect(outputs).toEqual(["y"]);
    const answer = [floats("y", [2], 5, 6)];
    expect(answerIn(form, answer)).toBe(answer);
    expect(refusal(() => answerIn(form, [floats("y", [3], 5, 6, 7)]))).toBe(
      "output 'y' has the shape [3], so there is no answer for each of the 2 instances; give " +
        'columnar "inputs" instead',
    );
    expect(conformed(two, spec("x", "FP32", null)).inputs[0]?.shape).toEqual([2, 3]);
  });

  it("that are single values stand for rows of one where the input has them", () => {
    const scalars = rowsOf(2, doubles([2], 7, 8));
    expect(conformed(scalars, spec("x", "FP32", [-1])).inputs[0]?.shape).toEqual([2]);
    expect(conformed(scalars, spec("x", "FP32", [-1, 1])).inputs[0]?.shape).toEqual([2, 1]);
    expect(refused(scalars, spec("x", "FP32", [-1, 2]))).toContain("Expected [-1,2], got [2].");
  });

  it("that are one row only may be the value of an input without rows", () => {
    const one = rowsOf(1, doubles([1, 2, 2], 1, 2, 3, 4));
    const { inputs, form } = conformed(one, spec("x", "FP32", [2, 2]));
    expect(inputs).toEqual([floats("x", [2, 2], 1, 2, 3, 4)]);
    expect(answerIn(form, [floats("y", [2], 5, 6)])).toEqual([floats("y", [1, 2], 5, 6)]);
    const pair = rowsOf(2, doubles([2, 2, 2], ...Array<number>(8).fill(0)));
    expect(refused(pair, spec("x", "FP32", [2, 2]))).toContain("Expected [2,2], got [2,2,2].");
    expect(conformed(rowsOf(1, doubles([1], 3)), spec("x", "FP32", [])).inputs).toEqual([
      floats("x", [], 3),
    ]);
  });

  it("by name become an input each, in the model's order", () => {
    const both = rowsOf(2, [named("b", doubles([2], 3, 4)), named("a", doubles([2], 1, 2))]);
    const { inputs } = conformed(both, spec("a", "FP32", [-1]), spec("b", "FP32", [-1]));
    expect(inputs).toEqual([floats("a", [2], 1, 2), floats("b", [2], 3, 4)]);
    expect(refused(both, spec("a", "FP32", [-1]))).toContain("unexpected inference input 'b'");
    const three = [spec("a", "FP32", [-1]), spec("b", "FP32", [-1]), spec("c", "FP32", [-1])];
    expect(refused(both, ...three)).toContain("missing required input(s) ['c']");
  });

  it("need names where there are several inputs, and values for each of them", () => {
    const specs = [spec("a", "FP32", [-1]), spec("b", "FP32", [-1])];
    expect(refused(rowsOf(1, doubles([1], 1)), ...specs)).toBe(
      "model 'm' has 2 inputs ['a','b']; give their values by name, in an object",
    );
    const sparse = [named("a", doubles([3], 1, 2, 3)), named("b", doubles([2], 1, 2), [0, 2])];
    expect(refused(rowsOf(3, sparse), ...specs)).toBe(
      "instance 1 has no value for input 'b' of model 'm'",
    );
  });

  it("have the same shape in every instance", () => {
    const uneven = rowsOf(2, [{ ...named("x", doubles([3], 1, 2, 3)), lengths: [1, 2] }]);
    expect(refused(uneven, spec("x", "FP32", [-1]))).toContain("the same shape in every instance");
  });

  it("of a data frame are no inputs", () => {
    const framed: Inputs = { ...two, kind: "rows", count: 2, framed: true, values: [] };
    expect(refused(framed, spec("x", "FP32", [-1, 3]))).toContain("rows of a table");
  });
});

describe("columns", () => {
  it("are an input each, or the only one, as they are", () => {
    const columns = columnsOf([named("x", values([2, 1], ["a", "b"]))]);
    expect(conformed(columns, spec("x", "BYTES", [-1, 1])).inputs).toEqual([
      { name: "x", datatype: "BYTES", shape: [2, 1], strings: ["a", "b"] },
    ]);
    expect(conformed(columnsOf(doubles([], 3)), spec("x", "FP32", [])).inputs).toEqual([
      floats("x", [], 3),
    ]);
    expect(refused(columnsOf(doubles([2], 1, 2)), spec("x", "FP32", [-1, 1]))).toContain(
      "Expected [-1,1], got [2].",
    );
  });
});

describe("elements", () => {
  const given: readonly (readonly [TensorSpec["datatype"], Scalar, boolean])[] = [
    ["INT64", 2n ** 62n, true],
    ["INT64", 2n ** 63n, false],
    ["INT64", 1.5, false],
    ["INT8", 128, false],
    ["UINT64", -1, false],
    ["FP32", 1e39, false],
    ["FP32", Number.NaN, true],
    ["FP16", 65_504, true],
    ["FP16", 65_536, false],
    ["FP64", "1", false],
    ["FP32", null, false],
    ["FP32", true, false],
    ["BOOL", 1, true],
    ["BOOL", 2, false],
    ["BYTES", "é", true],
    ["BYTES", 1, false],
  ];

  it.each(given)("of %s hold %s: %s", (datatype, value, good) => {
    const inputs = rowsOf(1, values([1], [value]));
    const input = spec("x", datatype, [-1]);
    const store = storeOf(datatype, 1);
    expect(store.set(0, value)).toBe(good);
    if (!good) expect(refused(inputs, input)).toBe(badElement(input, 0, value).message);
    else {
      const [tensor] = conformed(inputs, input).inputs;
      expect(tensor?.datatype === "BYTES" ? tensor.strings : tensor?.bytes).toEqual(
        datatype === "BYTES" ? store.strings : store.bytes,
      );
    }
  });
});

describe("strings", () => {
  it("have a bound on their number, at n and n + 1", () => {
    const texts = (count: number): Tensor => ({
      name: "x",
      datatype: "BYTES",
      shape: [count],
      strings: new Array<string>(count).fill(""),
    });
    const x = spec("x", "BYTES", [-1]);
    expect(conformed(tensorInputs(texts(stringElementsMax)), x).inputs).toHaveLength(1);
    const beyond = () => conformed(tensorInputs(texts(stringElementsMax + 1)), x);
    expect(refusal(beyond, "too-large")).toContain(`at most ${stringElementsMax} are allowed`);
    const many = new Array<string>(stringElementsMax + 1).fill("");
    const rows = rowsOf(many.length, values([many.length], many));
    expect(refusal(() => conformed(rows, x), "too-large")).toContain("string elements");
  });
});

describe("a raw body", () => {
  const raw = (...bytes: readonly number[]): Inputs => ({
    kind: "raw",
    bytes: Uint8Array.from(bytes),
  });

  it("has the shape that its length leaves open", () => {
    const shapeOf = (shape: TensorSpec["shape"], length: number) =>
      conformed(raw(...Array<number>(length).fill(0)), spec("x", "INT16", shape)).inputs[0]?.shape;
    expect(shapeOf([-1, 4], 8)).toEqual([1, 4]);
    expect(shapeOf([-1, -1], 8)).toEqual([1, 4]);
    expect(shapeOf([-1], 8)).toEqual([4]);
    expect(shapeOf(null, 8)).toEqual([4]);
    expect(shapeOf([2, -1], 8)).toEqual([2, 2]);
    expect(shapeOf([2, 2], 8)).toEqual([2, 2]);
    expect(shapeOf([-1, 0], 0)).toEqual([1, 0]);
  });

  it("is refused where its shape cannot be told, or does not fit", () => {
    expect(refused(raw(0, 0), spec("x", "INT16", [-1, -1, -1]))).toContain(
      "more than one variable-sized dimension",
    );
    expect(refused(raw(0, 0), spec("x", "INT16", [-1, 4]))).toContain("Expected 8, got 2");
    expect(refused(raw(0, 0, 0), spec("x", "INT16", [-1]))).toContain("Expected 2, got 3");
    expect(refused(raw(2), spec("x", "BOOL", [-1]))).toContain("neither 0 nor 1");
    expect(refused(raw(), spec("a", "BOOL", [1]), spec("b", "BOOL", [1]))).toContain(
      "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in model 'm'",
    );
  });

  it("is one string", () => {
    const text = raw(...Buffer.from("né"));
    expect(conformed(text, spec("x", "BYTES", [-1, 1])).inputs).toEqual([
      { name: "x", datatype: "BYTES", shape: [1, 1], strings: ["né"] },
    ]);
    expect(refused(text, spec("x", "BYTES", [2]))).toContain("must have input shape [1]");
    expect(refused(raw(0xff), spec("x", "BYTES", [1]))).toContain("not valid UTF-8");
    expect(refused(raw(0x61, 0), spec("x", "BYTES", [1]))).toContain("NUL");
  });
});
