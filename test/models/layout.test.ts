import { describe, expect, it } from "vitest";
import { chooseVersions, defaultName, modelFolders } from "../../src/models/layout.ts";
import { parseSource } from "../../src/models/sources.ts";

const files = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1 }));

describe("a folder", () => {
  it("with one model file is that model", () => {
    const chosen = chooseVersions(files("a.onnx", "config.json", "SUCCESS.1", "README.md"));
    expect(chosen).toEqual([{ version: 1, path: "a.onnx" }]);
  });

  it("with numbered folders is a model with versions, in their order", () => {
    const chosen = chooseVersions(
      files("10/model.onnx", "2/m.onnx", "x/notes.txt", "02/model.onnx"),
    );
    expect(chosen).toEqual([
      { version: 2, path: "2/m.onnx" },
      { version: 10, path: "10/model.onnx" },
    ]);
  });

  it("with one folder that holds a model is that model", () => {
    expect(chooseVersions(files("iris/1/model.onnx"))).toEqual([
      { version: 1, path: "iris/1/model.onnx" },
    ]);
  });

  it("with two model files side by side is refused, both named", () => {
    expect(() => chooseVersions(files("a.onnx", "b.onnx"))).toThrow("(a.onnx, b.onnx)");
    expect(() => chooseVersions(files("1/a.onnx", "1/b.onnx"))).toThrow("side by side");
  });

  it("with several models is refused, saying what to do", () => {
    expect(() => chooseVersions(files("a/m.onnx", "b/m.onnx"))).toThrow("NAME=PATH");
  });

  it("without a model is refused, naming what is there", () => {
    expect(() => chooseVersions(files("model.txt"))).toThrow("it holds model.txt");
    expect(() => chooseVersions([])).toThrow("it is empty");
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
