import type { Attribute } from "../../../src/formats/onnx/writer.ts";
import { tensor } from "../elements.ts";
import {
  f32,
  floats,
  type GraphCase,
  graphCase,
  int,
  ints,
  node,
  opsets,
  type Parts,
  string,
  strings,
} from "../graph.ts";

/** ai.onnx.ml. */

const rows = f32("x", [3, 2], [0.25, 1, 0.5, -1, 0.75, 3]);
const request = { inputs: ["x FP32 [-1,2]"], requests: [[rows]], verdict: "batchable" as const };
const matrix = (op: string, attributes: Readonly<Record<string, Attribute>>, width = 2): Parts => ({
  nodes: [node(`ml:${op}`, "x", "y", attributes)],
  outputs: [`y FP32 [-1,${width}]`],
  ...request,
});

/** x[0] ≤ 0.5 ? (x[1] ≤ 0 ? leaf 0 : leaf 1) : leaf 2. */
const splits = {
  nodes_treeids: ints(0, 0, 0, 0, 0),
  nodes_nodeids: ints(0, 1, 2, 3, 4),
  nodes_featureids: ints(0, 1, 0, 0, 0),
  nodes_values: floats(0.5, 0, 0, 0, 0),
  nodes_modes: strings("BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"),
  nodes_truenodeids: ints(1, 3, 0, 0, 0),
  nodes_falsenodeids: ints(2, 4, 0, 0, 0),
};
const regressor = {
  ...splits,
  n_targets: int(1),
  target_treeids: ints(0, 0, 0),
  target_nodeids: ints(2, 3, 4),
  target_ids: ints(0, 0, 0),
  target_weights: floats(0.1, 0.2, 0.3),
};
const classes = {
  class_treeids: ints(0, 0, 0),
  class_nodeids: ints(2, 3, 4),
  class_ids: ints(0, 1, 2),
  class_weights: floats(1, 1, 1),
};
const classifier = (labels: Readonly<Record<string, Attribute>>, type: string): Parts => ({
  ...request,
  nodes: [node("ml:TreeEnsembleClassifier", "x", "label p", { ...splits, ...classes, ...labels })],
  outputs: [`label ${type} [-1]`, "p FP32 [-1,3]"],
});

const three = tensor("", "FP32", [3], [0.1, 0.2, 0.3]);
const treeEnsemble = {
  tree_roots: ints(0),
  n_targets: int(1),
  nodes_featureids: ints(0, 1),
  nodes_splits: { tensor: f32("", [2], [0.5, 0]) },
  nodes_modes: { tensor: tensor("", "UINT8", [2], [0, 0]) },
  nodes_truenodeids: ints(1, 0),
  nodes_trueleafs: ints(0, 1),
  nodes_falsenodeids: ints(2, 1),
  nodes_falseleafs: ints(1, 1),
  leaf_targetids: ints(0, 0, 0),
  leaf_weights: { tensor: three },
  aggregate_function: int(1),
};

const linear = {
  coefficients: floats(1, -1, 0.5, 0.25, -2, 1),
  intercepts: floats(0.5, -0.5, 0),
};

/** With ZipMap and without: the probabilities are those of the other. */
function zipMapped(labels: Readonly<Record<string, Attribute>>): GraphCase {
  const key = "classlabels_strings" in labels ? ("BYTES" as const) : ("INT64" as const);
  const map = { map: { tensor: "FP32" as const, shape: null }, key };
  const make = (last: string, nodes: Parts["nodes"], type: Parts["outputs"][number]) =>
    graphCase(`ZipMap to ${key}`, {
      ...request,
      nodes: [
        node("ml:LinearClassifier", "x", `label ${last}`, {
          ...linear,
          classlabels_ints: ints(0, 1, 2),
          post_transform: string("SOFTMAX"),
        }),
        ...nodes,
      ],
      outputs: ["label INT64 [-1]", type],
      opsets: { ...opsets, "ai.onnx.ml": 3 },
    });
  const maps = { name: "probability", type: { sequence: map } };
  const zip = make("p", [node("ml:ZipMap", "p", "probability", labels)], maps);
  return { ...zip, reference: make("probability", [], "probability FP32 [-1,3]").model };
}

export const classical: readonly GraphCase[] = [
  graphCase("TreeEnsembleRegressor", {
    ...matrix("TreeEnsembleRegressor", regressor, 1),
    opsets: { ...opsets, "ai.onnx.ml": 3 },
  }),
  graphCase("TreeEnsembleRegressor of FP64", {
    nodes: [node("ml:TreeEnsembleRegressor", "x", "y", regressor)],
    inputs: ["x FP64 [-1,2]"],
    outputs: ["y FP32 [-1,1]"],
    requests: [[tensor("x", "FP64", [2, 2], [0.1, 0.2, 0.3, 0.4])]],
    verdict: "batchable",
    opsets: { ...opsets, "ai.onnx.ml": 3 },
  }),
  graphCase("TreeEnsembleClassifier of integers", {
    ...classifier({ classlabels_int64s: ints(5, 6, 7) }, "INT64"),
    opsets: { ...opsets, "ai.onnx.ml": 3 },
  }),
  graphCase("TreeEnsembleClassifier of strings", {
    ...classifier({ classlabels_strings: strings("ä", "b", "") }, "BYTES"),
    opsets: { ...opsets, "ai.onnx.ml": 1 },
  }),
  graphCase("TreeEnsemble of version 5", matrix("TreeEnsemble", treeEnsemble, 1)),
  zipMapped({ classlabels_int64s: ints(0, 1, 2) }),
  zipMapped({ classlabels_strings: strings("a", "b", "c") }),
  graphCase("LinearRegressor", {
    ...matrix("LinearRegressor", { ...linear, targets: int(3) }, 3),
  }),
  graphCase("LinearClassifier", {
    ...request,
    nodes: [
      node("ml:LinearClassifier", "x", "label p", {
        ...linear,
        classlabels_strings: strings("x", "y", "z"),
        post_transform: string("LOGISTIC"),
      }),
    ],
    outputs: ["label BYTES [-1]", "p FP32 [-1,3]"],
  }),
  graphCase("SVMRegressor", {
    ...matrix(
      "SVMRegressor",
      {
        kernel_type: string("RBF"),
        kernel_params: floats(0.5, 0, 3),
        n_supports: int(2),
        support_vectors: floats(0, 1, 1, 0),
        coefficients: floats(0.5, -0.25),
        rho: floats(0.1),
      },
      1,
    ),
  }),
  graphCase("Scaler", matrix("Scaler", { scale: floats(2, 0.1), offset: floats(1, -1) })),
  graphCase("Normalizer", matrix("Normalizer", { norm: string("L2") })),
  graphCase("Binarizer", matrix("Binarizer", { threshold: { float: 0.5 } })),
  graphCase(
    "Imputer",
    matrix("Imputer", { imputed_value_floats: floats(9), replaced_value_float: { float: 0.5 } }),
  ),
  graphCase("ArrayFeatureExtractor", {
    ...request,
    nodes: [node("ml:ArrayFeatureExtractor", "x picks", "y")],
    initializers: [tensor("picks", "INT64", [1], [1n])],
    outputs: ["y FP32 [-1,1]"],
  }),
  graphCase("FeatureVectorizer", {
    ...request,
    nodes: [node("ml:FeatureVectorizer", "x x", "y", { inputdimensions: ints(2, 2) })],
    outputs: ["y FP32 [-1,4]"],
  }),
];
