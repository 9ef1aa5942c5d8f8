import { describe, expect, it } from "vitest";
import { batchRowsMax } from "../../src/domain/limits.ts";
import { readMlmodel } from "../../src/models/beside/mlflow.ts";
import { readMlserver } from "../../src/models/beside/mlserver.ts";
import { readConfigJson, readPbtxt } from "../../src/models/beside/pbtxt.ts";
import { readThawJson } from "../../src/models/beside/thaw-json.ts";
import { fitSignature } from "../../src/models/signature.ts";

describe("config.pbtxt", () => {
  it("is read for the fields that mean something here", () => {
    const settings = readPbtxt(`
      name: "densenet"
      backend: "onnxruntime"
      max_batch_size: 8
      default_model_filename: "net.onnx"
      input { name: "in" data_type: TYPE_STRING dims: [ 3, -1 ] }
      output { name: "out" data_type: TYPE_FP16 dims: 10 label_filename: "labels.txt" }
      version_policy: { specific { versions: [1, 3] } }
      instance_group [ { count: 2 kind: KIND_CPU } ]
      model_warmup { name: "w" batch_size: 4 }
      dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 100 }
      optimization { graph { level: 1 } }`);
    expect(settings).toMatchObject({
      rowsMax: 8,
      modelFile: "net.onnx",
      inputs: [{ name: "in", datatype: "BYTES", dims: [3, -1] }],
      outputs: [{ name: "out", datatype: "FP16", dims: [10] }],
      versionPolicy: { kind: "specific", versions: [1, 3] },
      instances: 2,
      warmUpRows: 4,
      ignored: [
        "optimization",
        "dynamic_batching.preferred_batch_size",
        "dynamic_batching.max_queue_delay_microseconds",
      ],
    });
    expect(settings.config).toMatchObject({
      name: "densenet",
      max_batch_size: 8,
      instance_group: [{ count: 2, kind: "KIND_CPU" }],
      output: [{ label_filename: "labels.txt" }],
    });
  });

  it("serves the latest version where it says nothing", () => {
    expect(readPbtxt("").versionPolicy).toEqual({ kind: "latest", count: 1 });
    expect(readPbtxt("version_policy { all {} }").versionPolicy).toEqual({ kind: "all" });
    expect(readPbtxt("version_policy: { latest: { num_versions: 3 } }").versionPolicy).toEqual({
      kind: "latest",
      count: 3,
    });
    expect(readPbtxt("max_batch_size: 0").rowsMax).toBeUndefined();
  });

  it("names a GPU and what else cannot be had, once", () => {
    const { ignored, instances } = readPbtxt("instance_group { kind: KIND_GPU gpus: [0] }");
    expect([ignored, instances]).toEqual([["instance_group.kind KIND_GPU"], 1]);
  });

  it.each([
    ["max_batch_size: -1", "max_batch_size: expected 0 or more, got -1"],
    ["max_batch_size: many", "max_batch_size: expected an integer, got 'many'"],
    ["sequence_batching {}", "sequences are not supported"],
    ["ensemble_scheduling {}", "ensembles are not supported"],
    ['backend: "tensorflow"', "backend: expected one of onnxruntime"],
    ['input { name: "x" data_type: TYPE_FP8 }', "input 'x': expected a data_type such as"],
    ['input { name: "x" dims: [-2] }', "expected dims of -1 or more, got -2"],
    ['input { name: "x" reshape { shape: [] } }', "reshape is not supported"],
    ["input { }", "input: expected a name"],
    ["input: 5", "input: expected a message, got '5'"],
    ["name {", "config.pbtxt: line 1:"],
    ["version_policy { latest { num_versions: 0 } }", "num_versions: expected 1 or more"],
  ])("%j is refused", (text, problem) => {
    expect(() => readPbtxt(text)).toThrow(problem);
  });

  it("comes as JSON as well: both cases, integers as texts, enums as numbers", () => {
    const settings = readConfigJson(
      JSON.stringify({
        maxBatchSize: "16",
        input: [{ name: "x", dataType: 11, dims: ["4"] }],
        version_policy: { latest: { numVersions: 2 } },
        parameters: { a: { string_value: "1" } },
        unknown: null,
      }),
    );
    expect(settings).toMatchObject({
      rowsMax: 16,
      inputs: [{ name: "x", datatype: "FP32", dims: [4] }],
      versionPolicy: { kind: "latest", count: 2 },
      config: { parameters: { a: { string_value: "1" } } },
    });
    expect(() => readConfigJson("poem")).toThrow("expected a model configuration as JSON");
    expect(() => readConfigJson("[]")).toThrow();
    expect(() => readConfigJson('"x"')).toThrow("expected a JSON object");
  });
});

describe("thaw.json", () => {
  it("is read key by key", () => {
    const text = JSON.stringify({
      name: "n",
      platform: "p",
      version_policy: { latest: 2 },
      max_batch_size: 4,
      batching: "off",
      instances: 2,
      threads: 3,
      warmup: false,
      pin: true,
      load: "eager",
      file: "m.onnx",
      tabular: "mlserver",
      predict: "proba",
      labels: "labels.txt",
    });
    expect(readThawJson(text)).toEqual({
      name: "n",
      platform: "p",
      versionPolicy: { kind: "latest", count: 2 },
      rowsMax: 4,
      batching: "off",
      instances: 2,
      threads: 3,
      warmUpRows: 0,
      pinned: true,
      load: "eager",
      modelFile: "m.onnx",
      tabular: "mlserver",
      predict: "proba",
      labels: "labels.txt",
    });
  });

  it.each([
    ['{"batchin": "off"}', "unknown key 'batchin'; did you mean 'batching'?"],
    ['{"__proto__": 1}', "unknown key '__proto__'"],
    ['{"pin": "yes"}', 'pin: expected true or false, got "yes"'],
    [`{"max_batch_size": ${batchRowsMax + 1}}`, "max_batch_size: expected an integer from 0 to"],
    ['{"version_policy": "some"}', 'version_policy: expected "all"'],
    ['{"version_policy": {"specific": []}}', "version_policy: expected"],
    ['{"version_policy": {"specific": [1, "2"]}}', "version_policy: expected"],
    ["[]", "expected an object"],
    ["{", "expected JSON"],
  ])("%j is refused", (text, problem) => {
    expect(() => readThawJson(text)).toThrow(problem);
  });
});

describe("model-settings.json", () => {
  it("is read as MLServer's repositories have it", () => {
    const text = JSON.stringify({
      name: "iris",
      implementation: "mlserver_sklearn.SKLearnModel",
      parameters: { uri: "./model.joblib", version: "v0", extra: {} },
      inputs: [{ name: "x", datatype: "FP32", shape: [4] }],
      custom: 1,
    });
    expect(readMlserver(text)).toEqual({
      name: "iris",
      modelFile: "model.joblib",
      inputs: [{ name: "x", datatype: "FP32" }],
      ignored: ["custom", "parameters.version v0"],
    });
    expect(readMlserver('{"parameters": {"version": "v12"}}').version).toBe(12);
    expect(() => readMlserver('{"name": 1}')).toThrow("name: expected a text");
    expect(() => readMlserver("[]")).toThrow("expected an object");
  });
});

describe("MLmodel", () => {
  it("says where a flavour has its file", () => {
    const text =
      "flavors:\n  python_function:\n    env: conda.yaml\n  sklearn:\n    pickled_model: m.pkl\n";
    expect(readMlmodel(text)).toEqual({ modelFile: "m.pkl" });
    expect(readMlmodel("flavors: {xgboost: {}}")).toEqual({ modelFile: "model.xgb" });
    expect(readMlmodel("flavors: {lightgbm: {data: a.lgb}}")).toEqual({ modelFile: "a.lgb" });
    expect(() => readMlmodel("flavors: {pytorch: {}}")).toThrow("lightgbm, got pytorch");
    expect(() => readMlmodel("a: [")).toThrow("expected YAML");
    expect(() => readMlmodel("")).toThrow("got none");
  });

  it("is not blown up by its aliases", () => {
    const lines = ["a0: &a0 [x]"];
    for (let at = 1; at < 30; at += 1) {
      const before = `*a${at - 1}`;
      lines.push(`a${at}: &a${at} [${before}, ${before}, ${before}, ${before}]`);
    }
    expect(() => readMlmodel(lines.join("\n"))).toThrow("expected YAML: Excessive alias count");
  });
});

describe("a configuration and a graph", () => {
  const spec = (name: string, shape: readonly number[] | null) => ({
    name,
    datatype: "FP32" as const,
    shape,
  });
  const graph = {
    kind: "fixed" as const,
    inputs: [spec("x", [-1, 4])],
    outputs: [spec("y", [-1, 3]), spec("z", null)],
  };

  it("fit where it only says more", () => {
    expect(fitSignature(graph, {})).toEqual({ kind: "fits", signature: graph });
    const settings = {
      rowsMax: 2,
      inputs: [{ name: "x", datatype: "FP32" as const, dims: [-1] }],
      outputs: [{ name: "z", dims: [5] }],
    };
    expect(fitSignature(graph, settings)).toEqual({
      kind: "fits",
      signature: { ...graph, outputs: [spec("z", [-1, 5])] },
    });
  });

  it.each([
    [{ inputs: [{ name: "w" }] }, "declares the input 'w', but the model has x"],
    [{ inputs: [{ name: "x", datatype: "INT8" as const }] }, "is FP32, but it is declared as INT8"],
    [{ inputs: [{ name: "x", dims: [4] }] }, "has the shape [-1,4], but it is declared as [4]"],
    [{ rowsMax: 1, inputs: [{ name: "x", dims: [5] }] }, "declared as [-1,5], the batch with it"],
  ])("do not fit: %j", (settings, problem) => {
    expect(fitSignature(graph, settings)).toMatchObject({
      kind: "misfit",
      reason: expect.stringContaining(problem),
    });
  });

  it("do not fit where the batch is fixed in the graph", () => {
    const fixed = { ...graph, inputs: [spec("x", [1, 4])] };
    expect(fitSignature(fixed, { rowsMax: 8 })).toMatchObject({
      reason: expect.stringContaining("whose first dimension is not free"),
    });
  });
});
