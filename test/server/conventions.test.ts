import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { http1, inferBody } from "../support/http.ts";
import { temporaryFolder } from "../support/models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** Folders as other servers' users have them, side by side, with nothing changed. */

const root = join(import.meta.dirname, "../..");
const sklearn = join(root, "models/iris-sklearn/model.joblib");
const folder = temporaryFolder();
const [row, label] = [[6.8, 2.8, 4.8, 1.4], 1];
let server: TestServer;

function copy(from: string, to: string): void {
  const path = join(folder, to);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(from, path);
}

function write(to: string, text: string): void {
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  writeFileSync(join(folder, to), text);
}

function mlserver(name: string, version: string): string {
  const implementation = "mlserver_sklearn.SKLearnModel";
  return JSON.stringify({ name, implementation, parameters: { uri: "./model.joblib", version } });
}

beforeAll(async () => {
  copy(sklearn, "kserve/model.joblib");

  copy(sklearn, "one/model.joblib");
  write("one/model-settings.json", mlserver("mlserver-one", "v0.1.0"));
  for (const version of ["v1", "v2"]) {
    copy(sklearn, `several/${version}/model.joblib`);
    write(`several/${version}/model-settings.json`, mlserver("mlserver-two", version));
  }

  for (const version of ["v0.1.0", "v0.2.0"]) {
    copy(sklearn, `twins/${version}/model.joblib`);
    write(`twins/${version}/model-settings.json`, mlserver("mlserver-twins", version));
  }

  copy(sklearn, "mlflow/model.pkl");
  write("mlflow/conda.yaml", "dependencies:\n- python=3.11.4\n- pip\n");
  write("mlflow/requirements.txt", "scikit-learn==1.3.0\n");
  write("mlflow/input_example.json", '{"columns": ["a"], "data": [[1]]}');
  write(
    "mlflow/MLmodel",
    `artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.3.0
mlflow_version: 2.9.2
model_uuid: 00000000000000000000000000000000
`,
  );

  copy(irisModel, "triton/1/model.onnx");
  copy(irisModel, "triton/3/model.onnx");
  write("triton/config.pbtxt", 'name: "triton"\nplatform: "onnxruntime_onnx"\n');
  write("README.md", "not a model");
  server = await startServer({ args: ["--repository", folder, "--repository-api"] });
});

afterAll(() => server?.stop());

it.each([
  ["KServe's", "kserve", "1"],
  ["MLServer's", "mlserver-one", "1"],
  ["MLServer's of two versions", "mlserver-two", "2"],
  ["MLServer's of two versions, the first", "mlserver-two/versions/1", "1"],
  ["MLflow's", "mlflow", "1"],
  ["Triton's, the latest", "triton", "3"],
])("serves %s", async (_, model, version) => {
  const body = inferBody([{ name: "input-0", datatype: "FP32", shape: [1, 4], data: row }]);
  const path = `/v2/models/${model}/infer`;
  const reply = await http1(server.port, { path, method: "POST", body });
  const { model_version, outputs } = reply.json();
  expect({ model_version, labels: outputs[0].data }).toEqual({
    model_version: version,
    labels: [label],
  });
});

it("lists them under the names that their files give", async () => {
  const reply = await http1(server.port, { path: "/v2/repository/index", method: "POST" });
  const names = reply.json().map(({ name }: { name: string }) => name);
  expect(new Set(names)).toEqual(
    new Set(["kserve", "mlflow", "mlserver-one", "mlserver-two", "mlserver-twins", "triton"]),
  );
  expect(server.log()).toMatch(/two folders have the same version.*"folder":"twins\/v0.2.0"/);
  expect(server.log()).toMatch(/without effect.*mlserver-one.*parameters.version v0.1.0/);
});
