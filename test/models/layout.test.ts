import { describe, expect, it } from "vitest";
import { chooseVersions, defaultName, modelFolder, modelFolders } from "../../src/models/layout.ts";
import { parseSource } from "../../src/models/sources.ts";

const files = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1 }));

describe("a model's folder", () => {
  it("with one model file is that model", () => {
    const chosen = chooseVersions(files("a.onnx", "config.json", "SUCCESS.1", "README.md"));
    expect(chosen).toEqual([{ version: 1, path: "a.onnx" }]);
  });

  it.each([
    [["model.joblib", "requirements.txt", "conda.yaml"], "model.joblib"],
    [["model.pkl", "input_example.json", "MLmodel"], "model.pkl"],
    [["a.bst", "notes.txt"], "a.bst"],
    // Labels beside versions are no model.
    [["labels.json", "notes.txt", "1/model.onnx"], "1/model.onnx"],
    [["a.txt", "README.txt", "LICENSE.txt"], "a.txt"],
    [["xgb.json", "model-settings.json", "tokenizer.json"], "xgb.json"],
    [["model.txt", "feature_names.txt"], "model.txt"],
    [["m.ubj", "config.json"], "m.ubj"],
    [["m.PICKLE", "settings.json"], "m.PICKLE"],
    [["model.onnx", "model.onnx_data", "vocab.txt", "tokenizer_config.json"], "model.onnx"],
    [["SUCCESS.txt", "m.model", "thaw.json"], "m.model"],
  ])("of %j chooses by suffix, and never what stands beside models", (paths, model) => {
    expect(chooseVersions(files(...paths))).toEqual([{ version: 1, path: model }]);
  });

  it("with numbered folders is a model with versions, in their order", () => {
    const chosen = chooseVersions(
      files("10/model.onnx", "2/m.onnx", "x/notes.txt", "02/model.onnx", "3/README.txt"),
    );
    expect(chosen).toEqual([
      { version: 2, path: "2/m.onnx" },
      { version: 10, path: "10/model.onnx" },
    ]);
  });

  it("serves what its version policy says", () => {
    const three = files("1/m.onnx", "2/m.onnx", "3/m.onnx");
    const of = (versionPolicy: Parameters<typeof chooseVersions>[1]) =>
      chooseVersions(three, versionPolicy).map(({ version }) => version);
    expect(of({ versionPolicy: { kind: "all" } })).toEqual([1, 2, 3]);
    expect(of({ versionPolicy: { kind: "latest", count: 2 } })).toEqual([2, 3]);
    expect(of({ versionPolicy: { kind: "specific", versions: [1, 3, 9] } })).toEqual([1, 3]);
    expect(() => of({ versionPolicy: { kind: "specific", versions: [9] } })).toThrow(
      "its version policy asks for 9, but it has 1, 2, 3",
    );
  });

  it("takes the file that its settings name, and no other", () => {
    const two = files("1/a.onnx", "1/b.onnx", "1/sub/model.xgb");
    expect(chooseVersions(two, { modelFile: "b.onnx" })).toEqual([
      { version: 1, path: "1/b.onnx" },
    ]);
    expect(chooseVersions(two, { modelFile: "sub/model.xgb" })).toEqual([
      { version: 1, path: "1/sub/model.xgb" },
    ]);
    for (const modelFile of ["c.onnx", "../1/a.onnx", "/etc/passwd"]) {
      expect(() => chooseVersions(two, { modelFile })).toThrow(
        `name the model file '${modelFile}'`,
      );
    }
  });

  it("with two model files side by side is refused, both named", () => {
    expect(() => chooseVersions(files("a.onnx", "b.onnx"))).toThrow("(a.onnx, b.onnx)");
    expect(() => chooseVersions(files("1/a.onnx", "1/b.onnx"))).toThrow("side by side");
    expect(() => chooseVersions(files("a.txt", "b.txt"))).toThrow("(a.txt, b.txt)");
  });

  it("without a model is refused, naming what is there", () => {
    expect(() => chooseVersions(files("model.md"))).toThrow("it holds model.md");
    expect(() => chooseVersions([])).toThrow("it is empty");
  });
});

describe("a source", () => {
  it("is the model's folder, or has it as its only one", () => {
    expect(modelFolder(files("model.onnx"), undefined)).toBe("");
    expect(modelFolder(files("1/model.onnx", "2/model.onnx"), undefined)).toBe("");
    expect(modelFolder(files("iris/1/model.onnx"), undefined)).toBe("iris");
    expect(modelFolder(files("a/b/1/model.onnx"), undefined)).toBe("a/b");
    expect(modelFolder(files("iris/1/model.onnx", "docs/notes.txt"), undefined)).toBe("iris");
    expect(modelFolder(files("model/MLmodel", "model/model.xgb"), undefined)).toBe("model");
  });

  it("has it under its name where there are several", () => {
    expect(modelFolder(files("a/m.onnx", "b/m.onnx"), "b")).toBe("b");
    expect(() => modelFolder(files("a/m.onnx", "b/m.onnx"), "c")).toThrow("NAME=PATH");
    expect(() => modelFolder(files("a/m.onnx", "b/m.onnx"), undefined)).toThrow("2 folders");
  });
});

describe("names", () => {
  it("come from the file, or from its folder where the file is called model", () => {
    expect(defaultName("/m/iris.onnx")).toBe("iris");
    expect(defaultName("/m/iris/model.onnx")).toBe("iris");
    expect(defaultName("/m/iris/1/model.onnx")).toBe("iris");
    expect(defaultName("/m/iris")).toBe("iris");
  });

  it("stand before the first = of a source", () => {
    expect(parseSource("iris=/m/a=b")).toEqual({ name: "iris", uri: "/m/a=b" });
    expect(parseSource("/m/a=b")).toEqual({ name: undefined, uri: "/m/a=b" });
    expect(parseSource("s3://b/k?x=y")).toEqual({ name: undefined, uri: "s3://b/k?x=y" });
  });

  it("are those of the folders below ./models", () => {
    expect(modelFolders(files("b/1/model.onnx", "a/m.onnx", "notes/readme.txt"))).toEqual([
      "a",
      "b",
    ]);
  });
});
