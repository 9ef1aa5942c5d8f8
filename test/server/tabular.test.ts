import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { http1 } from "../support/http.ts";
import { temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Files of scikit-learn, XGBoost and LightGBM on the whole server. */

const root = join(import.meta.dirname, "../..");
const goldens = join(root, "test/formats/goldens");
const iris = `iris=${join(root, "models/iris-sklearn/model.joblib")}`;
const rows = [
  [6.8, 2.8, 4.8, 1.4],
  [6.0, 3.4, 4.5, 1.6],
];

async function post(server: TestServer, path: string, body: unknown) {
  return http1(server.port, { path, body: JSON.stringify(body) });
}

describe("models of tables", () => {
  let server: TestServer;

  beforeAll(async () => {
    const args = [
      iris,
      `mixed=${join(goldens, "sklearn/1.9.1/ColumnTransformerClassifier-0.joblib")}`,
      `text=${join(goldens, "sklearn/1.9.1/TfidfVectorizer-0.joblib")}`,
      `codes=${join(goldens, "sklearn/1.9.1/OneHotEncoder-0.joblib")}`,
      `tolerant=${join(goldens, "sklearn/1.9.1/EncodersMissing-0.joblib")}`,
      `labels=${join(goldens, "sklearn/1.9.1/LabelEncoder-9.joblib")}`,
      `boosted=${join(goldens, "boosters/1.7.6-3.3.5/xgb-softprob-gbtree.json")}`,
      `light=${join(goldens, "boosters/3.4.1-4.7.0/lgb-binary-gbdt.txt")}`,
      "--cache-dir",
      temporaryFolder(),
    ];
    server = await startServer({ args });
  });

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  it("answer V1 as KServe's own server does", async () => {
    const reply = await post(server, "/v1/models/iris:predict", { instances: rows });
    expect(reply.text).toBe('{"predictions":[1,1]}');
  });

  it("answer V2 under KServe's name and shape", async () => {
    const inputs = [{ name: "x", datatype: "FP32", shape: [2, 4], data: rows }];
    const reply = await post(server, "/v2/models/iris/infer", { inputs });
    expect(reply.json()).toMatchObject({
      outputs: [{ name: "output-0", datatype: "INT64", shape: [2], data: [1, 1] }],
    });
  });

  it("take rows without what the model does not use, and nulls that its encoders tolerate", async () => {
    const ask = (row: object) => post(server, "/v1/models/tolerant:predict", { instances: [row] });
    const whole = await ask({ id: 7, city: "a", n: 1, kind: "x", m: 0 });
    const row = { city: "a", n: 1, kind: "x", m: 0 };
    expect((await ask(row)).text).toBe(whole.text);
    const nulls = await ask({ city: null, n: null, kind: null, m: null });
    const [answer] = nulls.json().predictions;
    expect(answer.slice(0, -2).every((one: number) => one === 0)).toBe(true);
    expect(answer.slice(-2)).toEqual([-1, -1]);
    const lacking = await ask({ n: 1, kind: "x", m: 0 });
    expect([lacking.status, lacking.text]).toEqual([400, expect.stringContaining("['city']")]);
  });

  it("refuse what an encoder has not seen, and nobody else's request", async () => {
    const ask = (value: string) =>
      post(server, "/v1/models/labels:predict", { instances: [value] });
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, at) => ask(at % 3 === 0 ? "violet" : "red")),
    );
    for (const [at, { status, text }] of replies.entries()) {
      if (at % 3 !== 0) expect([status, text]).toEqual([200, '{"predictions":[3]}']);
      else {
        const error = "Found unknown categories ['violet'] in column 0 during transform";
        expect([status, JSON.parse(text)]).toEqual([400, { error }]);
      }
    }
    expect(server.log()).not.toContain('"kind":"lost"');
  });

  it("refuse a wrong width in the library's words", async () => {
    const reply = await post(server, "/v1/models/iris:predict", { instances: [[1, 2]] });
    expect(reply.status).toBe(400);
    expect(reply.json()).toEqual({
      error: "X has 2 features, but SVC is expecting 4 features as input.",
    });
  });

  it("take data frames by column name, and text", async () => {
    const instances = [{ city: "rome", age: 3, income: 5, flag: 1 }];
    const mixed = await post(server, "/v1/models/mixed:predict", { instances });
    expect(mixed.status, mixed.text).toBe(200);
    const text = await post(server, "/v1/models/text:predict", { instances: ["a good film"] });
    expect(text.status, text.text).toBe(200);
  });

  it("answer XGBoost in FP32 and LightGBM in FP64", async () => {
    const inputs = [{ name: "x", datatype: "FP64", shape: [1, 4], data: [0, 0, 0, 0] }];
    const boosted = await post(server, "/v2/models/boosted/infer", { inputs });
    expect(boosted.json()).toMatchObject({ outputs: [{ datatype: "FP32", shape: [1, 3] }] });
    const light = await post(server, "/v2/models/light/infer", { inputs });
    expect(light.json()).toMatchObject({ outputs: [{ datatype: "FP64", shape: [1] }] });
  });

  it("say what they take", async () => {
    const reply = await http1(server.port, { path: "/v2/models/iris" });
    expect(reply.json()).toMatchObject({
      platform: "sklearn_joblib",
      inputs: [{ name: "input-0", datatype: "FP64", shape: [-1, 4] }],
      outputs: [{ name: "output-0", datatype: "INT64", shape: [-1] }],
    });
  });
});

describe("answers", () => {
  it("are probabilities where KServe's variable asks for them", async () => {
    const forest = join(goldens, "sklearn/1.9.1/GaussianNB-0.joblib");
    const env = { PREDICT_PROBA: "true", THAW_CACHE_DIR: temporaryFolder() };
    const server = await startServer({ args: [`m=${forest}`, iris], env });
    const reply = await post(server, "/v1/models/m:predict", { instances: [[1, 2, 3, 4]] });
    const { predictions } = reply.json() as { predictions: number[][] };
    expect(predictions[0]?.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 12);
    // A model without probabilities says its labels.
    const labels = await post(server, "/v1/models/iris:predict", { instances: rows });
    expect(labels.text).toBe('{"predictions":[1,1]}');
    await server.stop();
  });

  it("have MLServer's names and shapes where the server, or one model, is told so", async () => {
    const folder = join(temporaryFolder(), "mine");
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(root, "models/iris-sklearn/model.joblib"), join(folder, "model.joblib"));
    writeFileSync(join(folder, "thaw.json"), JSON.stringify({ tabular: "mlserver" }));
    const server = await startServer({ args: [`mine=${folder}`, iris] });
    const inputs = [{ name: "x", datatype: "FP32", shape: [2, 4], data: rows }];
    const mine = await post(server, "/v2/models/mine/infer", { inputs });
    expect(mine.json()).toMatchObject({ outputs: [{ name: "predict", shape: [2, 1] }] });
    const kserve = await post(server, "/v2/models/iris/infer", { inputs });
    expect(kserve.json()).toMatchObject({ outputs: [{ name: "output-0", shape: [2] }] });
    await server.stop();
  });

  it("come from the cache at the second start", async () => {
    const cache = temporaryFolder();
    for (const _ of [1, 2]) {
      const server = await startServer({ args: [iris, "--cache-dir", cache] });
      const reply = await post(server, "/v1/models/iris:predict", { instances: rows });
      expect(reply.text).toBe('{"predictions":[1,1]}');
      await server.stop();
    }
  });
});
