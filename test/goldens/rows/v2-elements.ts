import type { Chapter, RestGolden } from "../golden.ts";
import { type Input, toIdentity, toModel } from "./infer.ts";

const ok = { kind: "rest", status: 200 } as const;
const refused = { kind: "rest", status: 400 } as const;
const one = (elements: string): Input => ({ shape: [1, 1], elements });
const values = (...given: unknown[]) => ({ partOf: { outputs: [{ data: given }] } });
const nested = (depth: number) => `${"[".repeat(depth)}5${"]".repeat(depth)}`;

const numbers: readonly RestGolden[] = [
  {
    ...ok,
    title: "INT64 keeps every digit",
    follows: "Triton",
    why: "OVMS takes 32 bits",
    send: toIdentity("INT64", one("[9223372036854775807]")),
    body: {
      text:
        '{"model_name":"id-INT64","model_version":"1","outputs":[{"name":"y",' +
        '"datatype":"INT64","shape":[1,1],"data":[9223372036854775807]}]}',
    },
  },
  {
    ...ok,
    title: "NaN and infinities as literals, in and out",
    follows: "Triton",
    why: "they are written as read; KServe and MLServer write null",
    send: toIdentity("FP32", { shape: [1, 3], elements: "[NaN,Infinity,-Infinity]" }),
    body: {
      text:
        '{"model_name":"id-FP32","model_version":"1","outputs":[{"name":"y",' +
        '"datatype":"FP32","shape":[1,3],"data":[NaN,Infinity,-Infinity]}]}',
    },
  },
  {
    ...ok,
    title: "FP64 keeps every digit",
    follows: "Triton",
    why: "OVMS takes FP32",
    send: toIdentity("FP64", one("[0.1]")),
    body: values(0.1),
  },
  {
    ...ok,
    title: "BF16 as JSON numbers, rounded to the nearest",
    follows: "thaw",
    why: "Triton demands bytes",
    send: toIdentity("BF16", { shape: [1, 2], elements: "[0.5,0.1]" }),
    body: values(0.5, 0.10009765625),
  },
  {
    ...ok,
    title: "FP16 as JSON numbers",
    follows: "MLServer",
    why: "Triton and KServe demand bytes",
    send: toIdentity("FP16", { shape: [1, 2], elements: "[0.1,65504]" }),
    body: values(0.0999755859375, 65504),
  },
  {
    ...refused,
    title: "a number beyond FP16",
    follows: "thaw",
    why: "it would become an infinity",
    send: toIdentity("FP16", one("[65520]")),
    body: { error: "element 0 of input 'x' is 65520, expected" },
  },
  {
    ...ok,
    title: "BOOL from 1 and 0",
    follows: "KServe",
    why: "as MLServer; Triton and OVMS refuse it",
    send: toIdentity("BOOL", { shape: [1, 2], elements: "[1,0]" }),
    body: values(true, false),
  },
  {
    ...refused,
    title: "BOOL from 2",
    follows: "thaw",
    send: toIdentity("BOOL", one("[2]")),
    body: { error: "expected true or false for BOOL" },
  },
  {
    ...refused,
    title: "INT8 out of its range",
    follows: "Triton",
    send: toIdentity("INT8", one("[128]")),
    body: { error: "expected an integer from -128 to 127" },
  },
];

const shapes: readonly RestGolden[] = [
  {
    ...ok,
    title: "a scalar",
    follows: "Triton",
    send: toModel("scalar", "FP32", { shape: [], elements: "[5]" }),
    body: { partOf: { outputs: [{ shape: [], data: [5] }] } },
  },
  {
    ...ok,
    title: "a dimension of zero",
    follows: "Triton",
    send: toIdentity("FP32", { shape: [0, 3], elements: "[]" }),
    body: { partOf: { outputs: [{ shape: [0, 3], data: [] }] } },
  },
  {
    ...ok,
    title: "elements nested deeper than the shape says",
    follows: "Triton",
    why: "only their count is held against the shape",
    send: toIdentity("FP32", one(nested(50))),
    body: values(5),
  },
  {
    ...refused,
    title: "nesting beyond the limit",
    follows: "Triton",
    send: toIdentity("FP32", one(nested(101))),
    body: { error: "JSON nesting depth exceeds maximum allowed limit (100)" },
  },
  {
    ...ok,
    title: "a dimension written as 1.0",
    follows: "thaw",
    why: "a JSON number is its value; Triton says 500",
    send: {
      path: "/v2/models/id-FP32/infer",
      body: '{"inputs":[{"name":"x","datatype":"FP32","shape":[1.0,1],"data":[5]}]}',
    },
    body: values(5),
  },
  {
    ...refused,
    title: "a dimension written as 1.5",
    follows: "Triton",
    why: "its status is 500",
    send: toIdentity("FP32", { shape: [1.5, 1], elements: "[5]" }),
    body: { error: "Unable to parse 'shape'" },
  },
  {
    ...refused,
    title: "a negative dimension",
    follows: "Triton",
    why: "its status is 500",
    send: toIdentity("FP32", { shape: [-1, 1], elements: "[5]" }),
    body: { error: "Unable to parse 'shape'" },
  },
  {
    ...refused,
    title: "fewer elements than the shape has",
    follows: "Triton",
    why: "its status is 500",
    send: toIdentity("FP32", { shape: [1, 2], elements: "[5]" }),
    body: { error: "shape does not match true shape" },
  },
  {
    ...refused,
    title: "more elements than the shape has",
    follows: "Triton",
    why: "its status is 500",
    send: toIdentity("FP32", { shape: [1, 1], elements: "[5,6]" }),
    body: { error: "Unable to parse 'data'" },
  },
];

const requests: readonly RestGolden[] = [
  {
    ...ok,
    title: "`id` comes back, and none is invented",
    follows: "Triton",
    why: "MLServer and KServe invent one",
    send: toIdentity("FP32", one("[5]"), ',"id":"7"'),
    body: { partOf: { id: "7", model_version: "1" } },
  },
  {
    ...ok,
    title: "an empty list of outputs asks for all",
    follows: "all",
    send: toIdentity("FP32", one("[5]"), ',"outputs":[]'),
    body: values(5),
  },
  {
    ...refused,
    title: "an output asked for twice",
    follows: "Triton",
    send: toIdentity("FP32", one("[5]"), ',"outputs":[{"name":"y"},{"name":"y"}]'),
    body: { error: "output 'y' already exists in request" },
  },
  {
    ...refused,
    title: "malformed JSON",
    follows: "thaw",
    why: "a client's mistake; Triton says 500, OVMS 412, MLServer 422",
    send: { path: "/v2/models/iris/infer", body: '{"inputs":' },
    body: { error: "failed to parse the request JSON buffer" },
  },
  {
    ...refused,
    title: "a datatype that is not the model's",
    follows: "Triton",
    send: toModel("id-FP32", "INT64", one("[5]")),
    body: { error: "inference input 'x' data-type is 'INT64', but model 'id-FP32' expects 'FP32'" },
  },
  {
    ...refused,
    title: "a shape that is not the model's",
    follows: "Triton",
    send: {
      path: "/v2/models/iris/infer",
      body: JSON.stringify({
        inputs: [{ name: "input-0", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] }],
      }),
    },
    body: {
      error: "unexpected shape for input 'input-0' for model 'iris'. Expected [-1,4], got [1,3].",
    },
  },
  {
    ...refused,
    title: "a shape of more elements than there can be",
    follows: "Triton",
    send: toIdentity("FP32", { shape: [2 ** 30, 2 ** 30], elements: "[1]" }),
    body: { error: "causes total element count to exceed maximum size of" },
  },
  {
    ...refused,
    title: "strings with NUL",
    follows: "thaw",
    why: "ONNX Runtime would cut them short",
    send: toIdentity("BYTES", one('["a\\u0000b"]')),
    body: { error: "input 'x'" },
  },
  {
    ...refused,
    title: "a lone surrogate",
    follows: "thaw",
    why: "it has no UTF-8",
    send: toIdentity("BYTES", one('["\\ud800"]')),
    body: { error: "input 'x'" },
  },
];

export const v2Elements: Chapter = {
  title: "V2 REST: JSON",
  goldens: [...numbers, ...shapes, ...requests],
};
