import { expect, it } from "vitest";
import { parseModelName } from "../../../src/domain/model.ts";
import { modelMetadata, serverMetadata } from "../../../src/protocol/v2/metadata.ts";

it("tells the server's name, its version, and the extensions that are on", () => {
  expect(serverMetadata("1.2.3")).toEqual({
    name: "thaw",
    version: "1.2.3",
    extensions: ["binary_tensor_data", "parameters"],
  });
});

it("tells a model's versions as text, and its tensors as they are", () => {
  const message = modelMetadata({
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
  });
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
