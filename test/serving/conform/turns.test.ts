import { describe, expect, it } from "vitest";
import { conformElements } from "../../../src/domain/limits.ts";
import type { Signature } from "../../../src/domain/model.ts";
import { conform, conformInTurns, isMuchToConform } from "../../../src/serving/conform.ts";
import { tensorInputs } from "../../support/inputs.ts";
import { modelOf, named, requestOf, rowsOf, values } from "./requests.ts";

const fixed = (datatype: "FP32" | "INT64" | "BYTES"): Signature => ({
  kind: "fixed",
  inputs: [{ name: "x", datatype, shape: [-1, 2] }],
  outputs: [{ name: "y", datatype, shape: [-1, 2] }],
});

const tabular = (datatype: "FP32" | "BYTES"): Signature => ({
  kind: "tabular",
  library: "lightgbm",
  estimator: "LGBM",
  columns: ["a", "b"].map((name) =>
    datatype === "BYTES"
      ? { type: "text", name, missing: undefined }
      : { type: "number", name, takes: "any" },
  ),
  feeds: [{ name: "x", datatype, columns: [0, 1] }],
  methods: [{ name: "predict", output: "y", datatype: "FP64", shape: [-1] }],
  method: "predict",
  style: "kserve",
});

function rows(count: number, text: boolean) {
  const elements = Array.from({ length: 2 * count }, (_, index) => index % 1_000);
  const shape = [count, 2];
  if (text) return rowsOf(count, values(shape, elements.map(String)));
  return rowsOf(count, { shape, elements: Float64Array.from(elements) });
}

describe("much to conform", () => {
  const cases: readonly (readonly [string, Signature, boolean])[] = [
    ["FP32", fixed("FP32"), false],
    ["INT64", fixed("INT64"), false],
    ["BYTES", fixed("BYTES"), true],
    ["a table of numbers", tabular("FP32"), false],
    ["a table of text", tabular("BYTES"), true],
  ];

  it.each(cases)("as %s is done in turns, with the same outcome", (_, signature, text) => {
    const request = requestOf(rows((5 * conformElements) / 4, text));
    const work = conformInTurns(request, modelOf(signature));
    let turns = 1;
    let step = work.next();
    for (; !step.done; step = work.next()) turns += 1;
    expect(turns).toBe(3);
    expect(step.value).toEqual(conform(request, modelOf(signature)));
  });

  it("is more than a turn's elements, at n and n + 1", () => {
    const half = conformElements / 2;
    const much = (count: number) => isMuchToConform(rows(count, false), fixed("FP32"));
    expect([much(half), much(half + 1)]).toEqual([false, true]);
    const column = named("x", values([conformElements + 1], Array(conformElements + 1).fill(0)));
    expect(isMuchToConform(rowsOf(1, [column]), fixed("FP32"))).toBe(true);
    const bytes = new Uint8Array(4 * conformElements + 4);
    const shape = [conformElements + 1];
    const tensors = tensorInputs({ name: "x", datatype: "FP32", shape, bytes });
    expect(isMuchToConform(tensors, fixed("FP32"))).toBe(false);
    expect(isMuchToConform(tensors, tabular("FP32"))).toBe(true);
  });
});
