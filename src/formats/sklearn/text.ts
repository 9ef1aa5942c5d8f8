import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import type { VectorizeStage } from "../stages/stage.ts";
import { tokenExpression } from "../stages/token-pattern.ts";
import { type Attributes, arrayItems } from "./attributes.ts";
import { columnsOf, matrixOf, TableBlock } from "./columns.ts";
import type { Lowering, Part } from "./fitted.ts";
import { englishStopWords } from "./stop-words.ts";

/** Vectorisers of text: terms are counted by a stage before the graph, the rest is arithmetic. */

function counts(part: Part): { value: Value; width: number } {
  const { estimator, columns, stages, graph } = part;
  const [column] = columns;
  if (column === undefined || columns.length !== 1 || !(column.block instanceof TableBlock)) {
    throw new FormatError(`${estimator.name} is given something else than one column of text`);
  }
  column.block.text(graph, column.index);
  const terms = termsOf(estimator);
  const output = `terms-${stages.length}`;
  stages.push({
    kind: "vectorize",
    feed: "texts",
    column: column.index,
    output,
    terms,
    ...analysisOf(estimator),
  });
  graph.input(output, "FP64", [-1, terms.length]);
  return { value: output, width: terms.length };
}

type Analysis = Omit<VectorizeStage, "kind" | "feed" | "column" | "output" | "terms">;

function analysisOf(estimator: Attributes): Analysis {
  for (const name of ["preprocessor", "tokenizer"]) {
    if (estimator.get(name) !== undefined) throw estimator.unknown(name);
  }
  const analyzer = estimator.get("analyzer");
  if (analyzer !== "word" && analyzer !== "char" && analyzer !== "char_wb") {
    throw estimator.unknown("analyzer");
  }
  const tokens = analyzer === "word" ? estimator.text("token_pattern") : "";
  if (analyzer === "word" && tokenExpression(tokens) === undefined) {
    throw estimator.unknown("token_pattern");
  }
  const accents = estimator.get("strip_accents") ?? "none";
  if (accents !== "none" && accents !== "unicode" && accents !== "ascii") {
    throw estimator.unknown("strip_accents");
  }
  const [from = 1, to = 1] = estimator.items("ngram_range").map(Number);
  return {
    analyzer,
    tokens,
    lowercase: estimator.flag("lowercase"),
    stripAccents: accents === "unicode" && estimator.release < 0.022 ? "composed" : accents,
    ngrams: [from, to],
    stopWords: analyzer === "word" ? stopWordsOf(estimator) : [],
    binary: estimator.flag("binary"),
  };
}

function stopWordsOf(estimator: Attributes): readonly string[] {
  const given = estimator.get("stop_words");
  if (given === undefined) return [];
  if (given === "english") return englishStopWords;
  if (
    typeof given === "object" &&
    (given.kind === "list" || given.kind === "set" || given.kind === "tuple")
  ) {
    return given.items.map(String);
  }
  throw estimator.unknown("stop_words");
}

/** Terms in the order of their columns. */
function termsOf(estimator: Attributes): string[] {
  const vocabulary = estimator.get("vocabulary_");
  if (typeof vocabulary !== "object" || vocabulary.kind !== "dict")
    throw estimator.unknown("vocabulary_");
  const terms: string[] = [];
  for (const [term, at] of vocabulary.entries) {
    const index = Number(at);
    if (!Number.isInteger(index) || index < 0 || index >= vocabulary.entries.size) {
      throw estimator.unknown("vocabulary_");
    }
    terms[index] = String(term);
  }
  return terms;
}

export const lowerCounts: Lowering = (part) => {
  const { value, width } = counts(part);
  return { transform: columnsOf(value, width) };
};

export const lowerTfidf: Lowering = (part) => {
  const { value, width } = counts(part);
  return { transform: columnsOf(weighted(part, part.estimator.child("_tfidf"), value), width) };
};

export const lowerTfidfTransformer: Lowering = (part) => {
  const { graph, columns, estimator } = part;
  return {
    transform: columnsOf(weighted(part, estimator, matrixOf(graph, columns)), columns.length),
  };
};

/** tf · idf, and rows of length 1. */
function weighted({ graph }: Part, transformer: Attributes, terms: Value): Value {
  let value = terms;
  if (transformer.flag("sublinear_tf")) {
    // Only of terms that are there.
    const there = graph.node("Greater", [value, graph.double(0)]);
    const safe = graph.where(there, value, graph.double(1));
    value = graph.where(there, graph.add(graph.log(safe), graph.double(1)), value);
  }
  if (transformer.flag("use_idf")) value = graph.mul(value, graph.doubles(idfOf(transformer)));
  const norm = transformer.get("norm");
  if (norm === undefined) return value;
  if (norm !== "l1" && norm !== "l2") throw transformer.unknown("norm");
  const length = graph.rowNorm(value, norm);
  const zero = graph.node("Equal", [length, graph.double(0)]);
  return graph.div(value, graph.where(zero, graph.double(1), length));
}

function idfOf(transformer: Attributes): Float64Array {
  if (transformer.has("idf_")) return transformer.doubles("idf_", 1).values;
  const diagonal = transformer.child("_idf_diag");
  const data = diagonal.get("data");
  if (typeof data !== "object" || data.kind !== "array") throw transformer.unknown("_idf_diag");
  return Float64Array.from(arrayItems(data), Number);
}
