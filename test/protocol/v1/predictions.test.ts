import fc from "fast-check";
import { assert, describe, expect, it } from "vitest";
import { jsonSliceElements } from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import {
  type InferRequest,
  type InferResponse,
  isNamed,
  noParameters,
} from "../../../src/domain/request.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import { drained } from "../../../src/protocol/sliced.ts";
import {
  encodeLargePredictions,
  encodePredictions,
  isLargePrediction,
} from "../../../src/protocol/v1/predictions.ts";
import { typed } from "../../../src/serving/conform/typed.ts";
import { cases } from "../../support/cases.ts";
import { refusal } from "../refusal.ts";
import { comparable, content, tensorOf } from "../v2/arbitraries.ts";
import { decode } from "./decoding.ts";

const model = parseModelName("m");

const request = (kind: "rows" | "columns"): InferRequest => ({
  model,
  version: undefined,
  id: undefined,
  parameters: noParameters,
  inputs: kind === "rows" ? { kind, count: 1, values: [], framed: false } : { kind, values: [] },
  outputs: [],
});

const response = (...outputs: readonly Tensor[]): InferResponse => ({
  model,
  version: 1,
  id: undefined,
  outputs,
});

function encoded(kind: "rows" | "columns", ...outputs: readonly Tensor[]): string {
  const text = encodePredictions(response(...outputs), request(kind));
  const large = drained(encodeLargePredictions(response(...outputs), request(kind)));
  expect(Buffer.from(large).toString()).toBe(text);
  return text;
}

function doubles(name: string, shape: readonly number[], ...elements: readonly number[]): Tensor {
  return {
    name,
    datatype: "FP64",
    shape,
    bytes: new Uint8Array(Float64Array.from(elements).buffer),
  };
}

function texts(name: string, shape: readonly number[], ...strings: readonly string[]): Tensor {
  return { name, datatype: "BYTES", shape, strings };
}

describe("predictions", () => {
  it("are the values of an only output for each row", () => {
    expect(encoded("rows", doubles("y", [2], 1, 2.5))).toBe('{"predictions":[1,2.5]}');
    expect(encoded("rows", doubles("y", [2, 2], 1, 2, 3, 4))).toBe('{"predictions":[[1,2],[3,4]]}');
    expect(encoded("rows", doubles("y", [1, 2, 1], 1, 2))).toBe('{"predictions":[[[1],[2]]]}');
    expect(encoded("rows", doubles("y", [2, 0]))).toBe('{"predictions":[[],[]]}');
    expect(encoded("rows", doubles("y", [0, 2]))).toBe('{"predictions":[]}');
    expect(encoded("rows", texts("y", [2], "a", 'b"'))).toBe('{"predictions":["a","b\\""]}');
  });

  it("are an object for each row where there are several outputs", () => {
    const outputs = [doubles("p", [2, 2], 1, 2, 3, 4), texts("l", [2], "a", "b")];
    expect(encoded("rows", ...outputs)).toBe(
      '{"predictions":[{"p":[1,2],"l":"a"},{"p":[3,4],"l":"b"}]}',
    );
  });

  it("are outputs where inputs came as columns", () => {
    const one = doubles("p", [], 7);
    expect(encoded("columns", one)).toBe('{"outputs":7}');
    expect(encoded("columns", one, texts("l", [1, 1], "a"))).toBe(
      '{"outputs":{"p":7,"l":[["a"]]}}',
    );
    expect(encoded("columns")).toBe('{"outputs":{}}');
  });

  it("hold bytes in base64 where the output's name says so", () => {
    expect(encoded("rows", texts("y_bytes", [2], "hi", ""))).toBe(
      '{"predictions":[{"b64":"aGk="},{"b64":""}]}',
    );
  });

  it("write what JSON has no numbers for by name, and long integers exactly", () => {
    const special = doubles("y", [3], Number.NaN, Number.POSITIVE_INFINITY, -0);
    expect(encoded("rows", special)).toBe('{"predictions":[NaN,Infinity,-0.0]}');
    const bytes = new Uint8Array(BigInt64Array.of(2n ** 53n + 1n).buffer);
    const long: Tensor = { name: "y", datatype: "INT64", shape: [1], bytes };
    expect(encoded("rows", long)).toBe('{"predictions":[9007199254740993]}');
  });

  it("are large by their lists, even without elements", () => {
    const size = (...shape: number[]) => isLargePrediction(response(doubles("y", shape)));
    expect([size(jsonSliceElements - 1, 0), size(jsonSliceElements, 0)]).toEqual([false, true]);
    expect([size(8, 8, 8, 0), size(16, 16, 16, 0)]).toEqual([false, true]);
  });

  it("are large by their elements", () => {
    const size = (count: number) =>
      isLargePrediction(response(doubles("y", [count], ...Array<number>(count).fill(0))));
    expect([size(jsonSliceElements), size(jsonSliceElements + 1)]).toEqual([false, true]);
  });

  it("are refused beyond the largest response", () => {
    const large = (bytesMax: number) => () =>
      drained(encodeLargePredictions(response(doubles("y", [2], 1, 2)), request("rows"), bytesMax));
    expect(large(21)()).toHaveLength(21);
    expect(refusal(large(20), "too-large")).toContain("at most 20 are allowed");
    expect(refusal(large(3), "too-large")).toContain("at least 4 bytes");
  });

  it("read back as the instances that they are, bit for bit", () => {
    fc.assert(
      fc.property(content, (content) => {
        const tensor = tensorOf("y", content);
        fc.pre(tensor.shape.length > 0 && !tensor.shape.includes(0));
        const text = encoded("rows", tensor).replace('"predictions"', '"instances"');
        const { inputs } = decode(text);
        assert(inputs.kind === "rows" && !isNamed(inputs.values), "instances are values");
        expect(inputs.values.shape).toEqual(tensor.shape);
        expect(comparable(drained(typed(tensor, inputs.values, tensor.shape)))).toEqual(
          comparable(tensor),
        );
      }),
      { numRuns: cases(500) },
    );
  });
});
