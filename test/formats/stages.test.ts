import { expect, it } from "vitest";
import { termCountsMax } from "../../src/domain/limits.ts";
import { stageRunner } from "../../src/formats/stages/run.ts";
import type { VectorizeStage } from "../../src/formats/stages/stage.ts";
import { refusal } from "../protocol/refusal.ts";

const terms = Array.from({ length: 2 ** 15 }, (_, at) => `t${at}`);
const stage: VectorizeStage = {
  kind: "vectorize",
  feed: "text",
  column: 0,
  output: "counts",
  analyzer: "word",
  lowercase: true,
  stripAccents: "none",
  ngrams: [1, 1],
  stopWords: [],
  binary: false,
  terms,
};

function counted(rows: number) {
  const strings = Array.from({ length: rows }, () => "t1 t1 t7");
  return stageRunner([stage], []).before([
    { name: "text", datatype: "BYTES", shape: [rows, 1], strings },
  ]);
}

it("texts make no more counts than the limit", () => {
  const rows = termCountsMax / terms.length;
  const made = counted(rows).at(-1);
  expect(made?.shape).toEqual([rows, terms.length]);
  expect(refusal(() => counted(rows + 1), "too-large")).toContain(
    "1025 x 32768 counts of terms, more than 33554432",
  );
});
