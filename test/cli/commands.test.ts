import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/models.ts";

const root = join(import.meta.dirname, "../..");
const model = join(root, "models/iris-sklearn/model.joblib");
const mixed = join(root, "test/formats/goldens/sklearn/1.9.1/ColumnTransformerClassifier-0.joblib");

function thaw(...argv: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "src/main.ts"), ...argv],
    {
      encoding: "utf8",
    },
  );
  return { status, stdout, stderr };
}

describe("thaw inspect", () => {
  it("shows a pipeline as a tree, its columns, and what it can be asked for", () => {
    const { status, stdout } = thaw("inspect", mixed);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /Pipeline\n {4}ColumnTransformer .*\n {6}\w+ \(num: .*\n {6}OneHotEncoder/,
    );
    expect(stdout).toMatch(/city BYTES \[-1\]/);
    expect(stdout).toMatch(/predict_proba FP64 \[-1, \d\]/);
  });

  it("gives JSON", () => {
    const { stdout } = thaw("inspect", model, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      family: "pickle",
      outline: ["SVC"],
      signature: { kind: "tabular", estimator: "SVC" },
    });
  });

  it("says what is wrong with a file, and how it is called", () => {
    expect(thaw("inspect", "/no/such/file")).toMatchObject({ status: 2 });
    const { status, stderr } = thaw("inspect");
    expect(status).toBe(2);
    expect(stderr).toMatch(/Usage: thaw inspect FILE/);
  });
});

describe("thaw convert", () => {
  it("writes a graph that thaw itself serves, and says what it takes", () => {
    const output = join(temporaryFolder(), "model.onnx");
    const { status, stdout } = thaw("convert", model, "-o", output);
    expect(status).toBe(0);
    expect(stdout).toMatch(/takes numbers FP64 \[-1, 4\]/);
    expect(existsSync(output)).toBe(true);
    expect(thaw("inspect", output).stdout).toMatch(/an ONNX graph[\s\S]*predict INT64 \[-1\]/);
  });
});

describe("thaw verify", () => {
  const folder = temporaryFolder();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const rows = file("rows.csv", "a,b,c,d\n6.8,2.8,4.8,1.4\n6.0,3.4,4.5,1.6\n");

  it("ends with 0 where the answers are the library's", () => {
    const right = file("right.json", "[1, 1]");
    const { status, stdout } = thaw("verify", model, "--rows", rows, "--expect", right);
    expect(stdout).toMatch(/predict: 2 values, 0 labels differ, largest error 0 .*: the same/);
    expect(status).toBe(0);
  });

  it("ends with 1 where they are not", () => {
    const wrong = file("wrong.csv", "1\n2\n");
    const { status, stdout } = thaw("verify", model, "--rows", rows, "--expect", wrong);
    expect(stdout).toMatch(/largest error 1 .*NOT the same/);
    expect(status).toBe(1);
  });

  it("names the methods where one is not there", () => {
    const some = file("some.json", "[1]");
    const more = ["--rows", rows, "--expect", some, "--method", "transform"];
    expect(thaw("verify", model, ...more).stderr).toMatch(/no transform; it has predict/);
  });
});

it.each(["serve", "fetch", "inspect", "convert", "bake", "verify"])("thaw %s --help", (command) => {
  const { status, stdout, stderr } = thaw(command, "--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^Usage: thaw ${command} `));
});
