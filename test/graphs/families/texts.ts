import { tensor } from "../elements.ts";
import {
  floats,
  type GraphCase,
  graphCase,
  i64,
  int,
  ints,
  node,
  string,
  strings,
  text,
} from "../graph.ts";

/** Strings inside of a graph. */

const words = text("x", [2], ["a", "b c"]);
const odd = text("x", [3], ["", "ß☃", "\u{1f600} x"]);

export const texts: readonly GraphCase[] = [
  graphCase("StringConcat", {
    nodes: [node("StringConcat", "x x", "y")],
    inputs: ["x BYTES [-1]"],
    outputs: ["y BYTES [-1]"],
    requests: [[words], [odd], [text("x", [0], [])]],
    verdict: "batchable",
  }),
  graphCase("StringSplit, as wide as its longest row", {
    nodes: [node("StringSplit", "x", "y n", { delimiter: string(" ") })],
    inputs: ["x BYTES [-1]"],
    outputs: ["y BYTES [-1,-1]", "n INT64 [-1]"],
    requests: [[words], [odd]],
    verdict: "single",
  }),
  graphCase("StringNormalizer", {
    nodes: [
      node("StringNormalizer", "x", "y", {
        case_change_action: string("UPPER"),
        locale: string("C"),
        stopwords: strings("b"),
      }),
    ],
    inputs: ["x BYTES [-1]"],
    outputs: ["y BYTES [-1]"],
    requests: [[text("x", [3], ["a", "b", "ab"])]],
    verdict: "single",
  }),
  graphCase("RegexFullMatch", {
    nodes: [node("RegexFullMatch", "x", "y", { pattern: string("[a-z]+") })],
    inputs: ["x BYTES [-1]"],
    outputs: ["y BOOL [-1]"],
    requests: [[words], [odd]],
    verdict: "batchable",
  }),
  graphCase("LabelEncoder from strings", {
    nodes: [
      node("ml:LabelEncoder", "x", "y", {
        keys_strings: strings("a", "ß☃"),
        values_int64s: ints(7, 8),
        default_int64: int(-1),
      }),
    ],
    inputs: ["x BYTES [-1]"],
    outputs: ["y INT64 [-1]"],
    requests: [[words], [odd]],
    verdict: "batchable",
  }),
  graphCase("LabelEncoder to strings", {
    nodes: [
      node("ml:LabelEncoder", "x", "y", {
        keys_int64s: ints(1, 2),
        values_strings: strings("eins", "zwei"),
        default_string: string("—"),
      }),
    ],
    inputs: ["x INT64 [-1]"],
    outputs: ["y BYTES [-1]"],
    requests: [[i64("x", [3], [1n, 2n, 3n])]],
    verdict: "batchable",
  }),
  graphCase("CategoryMapper", {
    nodes: [
      node("ml:CategoryMapper", "x", "y", {
        cats_strings: strings("a", "b"),
        cats_int64s: ints(10, 20),
      }),
    ],
    inputs: ["x BYTES [-1]"],
    outputs: ["y INT64 [-1]"],
    requests: [[words]],
    verdict: "batchable",
  }),
  graphCase("OneHotEncoder", {
    nodes: [node("ml:OneHotEncoder", "x", "y", { cats_strings: strings("a", "b"), zeros: int(1) })],
    inputs: ["x BYTES [-1]"],
    outputs: ["y FP32 [-1,2]"],
    requests: [[words], [odd]],
    verdict: "batchable",
  }),
  graphCase("TfIdfVectorizer", {
    nodes: [
      node("TfIdfVectorizer", "x", "y", {
        max_gram_length: int(2),
        min_gram_length: int(1),
        max_skip_count: int(0),
        mode: string("TFIDF"),
        ngram_counts: ints(0, 2),
        ngram_indexes: ints(0, 1, 2),
        pool_strings: strings("a", "b", "a", "b"),
        weights: floats(1, 0.5, 2),
      }),
    ],
    inputs: ["x BYTES [-1,3]"],
    outputs: ["y FP32 [-1,3]"],
    requests: [[text("x", [2, 3], ["a", "b", "a", "c", "b", "b"])]],
    verdict: "batchable",
  }),
  graphCase("strings compared, gathered and chosen", {
    nodes: [
      node("Equal", "x a", "same"),
      node("Where", "same b x", "chosen"),
      node("Gather", "chosen picks", "y", { axis: int(1) }),
    ],
    initializers: [text("a", [1], ["a"]), text("b", [1], ["ä"]), i64("picks", [2], [1n, 0n])],
    inputs: ["x BYTES [-1,2]"],
    outputs: ["y BYTES [-1,2]"],
    requests: [[text("x", [2, 2], ["a", "b", "", "a"])]],
    verdict: "batchable",
  }),
  graphCase("Unique strings", {
    nodes: [
      node("ml:LabelEncoder", "x", "n", {
        keys_strings: strings("a"),
        values_int64s: ints(1),
      }),
      node("Unique", "n", "y first inverse counts"),
    ],
    inputs: ["x BYTES [-1]"],
    outputs: ["y INT64 [-1]", "first INT64 [-1]", "inverse INT64 [-1]", "counts INT64 [-1]"],
    requests: [[text("x", [3], ["a", "b", "a"])]],
    verdict: "single",
  }),
  graphCase("Tokenizer", {
    nodes: [
      node("ms:Tokenizer", "x", "y", {
        mark: int(0),
        mincharnum: int(1),
        pad_value: string("#"),
        separators: strings(" "),
      }),
    ],
    inputs: ["x BYTES [-1]"],
    outputs: ["y BYTES [-1,-1]"],
    requests: [[words]],
    verdict: "single",
  }),
  graphCase("numbers written and read", {
    nodes: [node("Cast", "x", "s", { to: int(8) }), node("Cast", "s", "y", { to: int(11) })],
    inputs: ["x FP64 [-1]"],
    outputs: ["s BYTES [-1]", "y FP64 [-1]"],
    requests: [[tensor("x", "FP64", [3], [0.1, -2, 1e300])]],
    verdict: "batchable",
  }),
  graphCase("MurmurHash3", {
    nodes: [node("ms:MurmurHash3", "x", "y", { seed: int(3), positive: int(1) })],
    inputs: ["x BYTES [-1]"],
    outputs: ["y UINT32 [-1]"],
    requests: [[words], [odd]],
    verdict: "batchable",
  }),
];
