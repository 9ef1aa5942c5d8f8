import { expect } from "vitest";
import type { Chapter, RestGolden } from "../golden.ts";

const predict = (model: string, body: unknown) => ({
  path: `/v1/models/${model}:predict`,
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const flower = [6.8, 2.8, 4.8, 1.4];
const probability: unknown = expect.any(Number);
const ok = { kind: "rest", status: 200, follows: "KServe" } as const;
const tf = { kind: "rest", status: 200, follows: "TF-Serving" } as const;
const refused = { kind: "rest", status: 400, follows: "KServe" } as const;

const goldens: readonly RestGolden[] = [
  { ...ok, title: "the root", send: { path: "/" }, body: { json: { status: "alive" } } },
  { ...ok, title: "list of models", send: { path: "/v1/models" } },
  {
    ...ok,
    title: "model ready",
    send: { path: "/v1/models/iris" },
    body: { json: { name: "iris", ready: true } },
  },
  {
    ...ok,
    title: "an unknown model",
    follows: "thaw",
    why: "Triton's phrase on every protocol",
    send: predict("nobody", { instances: [1] }),
    status: 404,
    body: { error: "'nobody' is not found" },
  },
  {
    ...ok,
    title: "rows of a model with one output",
    send: predict("flowers", { instances: [flower, flower] }),
    body: { json: { predictions: [1, 1] } },
  },
  {
    ...ok,
    title: "rows as `inputs`",
    send: predict("flowers", { inputs: [flower] }),
    body: { json: { predictions: [1] } },
  },
  {
    ...ok,
    title: "probabilities, with `--predict-proba` or `PREDICT_PROBA`",
    send: predict("chances", { instances: [[0, 0, 0, 0]] }),
    body: { partOf: { predictions: [[probability, probability]] } },
  },
  {
    ...tf,
    title: "several outputs are an object for each row",
    why: "KServe's server has one output only",
    send: predict("sum", { instances: [{ a: [1, 2], b: [3, 5] }] }),
    body: { json: { predictions: [{ sum: [4, 7], difference: [-2, -3] }] } },
  },
  {
    ...tf,
    title: "columns in, columns out",
    send: predict("sum", { inputs: { a: [[1, 2]], b: [[3, 5]] } }),
    body: { json: { outputs: { sum: [[4, 7]], difference: [[-2, -3]] } } },
  },
  {
    ...tf,
    title: "`signature_name` is ignored",
    send: predict("flowers", { signature_name: "serving_default", instances: [flower] }),
    body: { json: { predictions: [1] } },
  },
  {
    ...tf,
    title: "bytes in base64",
    send: predict("id-BYTES", { instances: [[{ b64: "aGk=" }]] }),
    body: { json: { predictions: [["hi"]] } },
  },
  {
    ...ok,
    title: "KServe's batcher: no Content-Type, and another Host",
    send: { ...predict("flowers", { instances: [flower] }), headers: {} },
  },
  {
    ...ok,
    title: "KServe's request A: two flowers",
    send: predict("flowers", { instances: [flower, [6.0, 3.4, 4.5, 1.6]] }),
    body: { json: { predictions: [1, 1] } },
  },
  {
    ...refused,
    title: "a body that is no JSON",
    send: predict("flowers", "{"),
    body: { error: "Unrecognized request format: " },
  },
  {
    ...refused,
    title: "`instances` that are no list",
    send: predict("flowers", { instances: {} }),
    body: { error: 'Expected "instances" to be a list' },
  },
  {
    ...refused,
    title: "neither `instances` nor `inputs`",
    send: predict("flowers", { rows: [flower] }),
    body: { error: "instances" },
  },
  {
    ...refused,
    title: "a row of the wrong width",
    why: "in scikit-learn's words",
    send: predict("flowers", { instances: [[1, 2]] }),
    body: { error: "X has 2 features, but SVC is expecting 4 features as input." },
  },
  {
    ...refused,
    title: "rows of different widths",
    send: predict("flowers", { instances: [flower, [1]] }),
    body: { error: "" },
  },
  {
    ...refused,
    title: "an explainer",
    follows: "thaw",
    why: "there are none",
    status: 501,
    send: { path: "/v1/models/flowers:explain", body: "{}" },
    body: { error: "has no explainer" },
  },
  {
    ...refused,
    title: "GET where POST is expected",
    follows: "all",
    status: 405,
    headers: { allow: "POST" },
    send: { path: "/v1/models/flowers:predict" },
    body: { error: "Method Not Allowed" },
  },
];

export const v1: Chapter = { title: "V1", goldens };
