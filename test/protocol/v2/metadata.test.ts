import { expect, it } from "vitest";
import { type ModelMetadata, parseModelName } from "../../../src/domain/model.ts";
import {
  modelMetadata,
  modelMetadataBody,
  serverMetadata,
} from "../../../src/protocol/v2/metadata.ts";

it("tells the server's name, its version, and the extensions that are on", () => {
  expect(serverMetadata("1.2.3", true).extensions).toContain("model_repository");
  expect(serverMetadata("1.2.3", false)).toEqual({
    name: "thaw",
    version: "1.2.3",
    extensions: ["model_configuration", "binary_tensor_data", "parameters", "statistics"],
  });
});

const iris: ModelMetadata = {
  name: parseModelName("iris"),
  versions: [1, 12],
  platform: "onnxruntime_onnx",
  signature: {
    kind: "fixed",
    inputs: [{ name: "X", datatype: "FP32", shape: [-1, 4] }],
    outputs: [
      { name: "label", datatype: "INT64", shape: [] },
      { name: "any", datatype: "BYTES", shape: null },
    ],
  },
  verdict: { kind: "single", reason: "'label' is a scalar" },
};

it("tells over REST whether requests are merged, and why not", () => {
  expect(modelMetadataBody(iris).properties).toEqual({ batching: "single: 'label' is a scalar" });
  const batchable = { ...iris, verdict: { kind: "batchable" as const } };
  expect(modelMetadataBody(batchable).properties).toEqual({ batching: "batchable" });
});

it("tells a model's versions as text, and its tensors as they are", () => {
  const message = modelMetadata(iris);
  expect(message).toEqual({
    name: "iris",
    versions: ["1", "12"],
    platform: "onnxruntime_onnx",
    inputs: [{ name: "X", datatype: "FP32", shape: [-1, 4] }],
    outputs: [
      { name: "label", datatype: "INT64", shape: [] },
      { name: "any", datatype: "BYTES", shape: [-1] },
    ],
  });
});
