import type { Chapter, RestGolden } from "../golden.ts";

const length = "inference-header-content-length";
const four = Buffer.from(new Float32Array([1, 2, 3, 4]).buffer);
const ok = { kind: "rest", status: 200, follows: "Triton" } as const;
const refused = { kind: "rest", status: 400, follows: "Triton" } as const;

function joined(json: object, bytes: Uint8Array): Pick<RestGolden["send"], "headers" | "body"> {
  const text = JSON.stringify(json);
  return {
    headers: { [length]: String(text.length) },
    body: Buffer.concat([Buffer.from(text), bytes]),
  };
}

function input(size: number, more: object = {}): object {
  const parameters = { binary_data_size: size };
  return { inputs: [{ name: "x", datatype: "FP32", shape: [2, 2], parameters }], ...more };
}

function answerOf(model: string, name: string, shape: readonly number[], bytes: Buffer): Buffer {
  const head =
    `{"model_name":"${model}","model_version":"1","outputs":[{"name":"${name}",` +
    `"datatype":"FP32","shape":[${shape}],"parameters":{"binary_data_size":${bytes.length}}}]}`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

const path = "/v2/models/id-FP32/infer";
const asBinary = { parameters: { binary_data_output: true } };
const sumInputs = ["a", "b"].map((name) => ({
  name,
  datatype: "FP32",
  shape: [1, 2],
  data: [1, 2],
}));

const tensors: readonly RestGolden[] = [
  {
    ...ok,
    title: "bytes behind JSON in, JSON out",
    send: { path, ...joined(input(16), four) },
    headers: { "content-type": "application/json", [length]: null },
    body: { partOf: { outputs: [{ data: [1, 2, 3, 4] }] } },
  },
  {
    ...ok,
    title: "`binary_data_output` without a list of outputs",
    why: "tritonclient sends it; OVMS ignores it",
    send: { path, ...joined(input(16, asBinary), four) },
    headers: { "content-type": "application/octet-stream" },
    body: { bytes: answerOf("id-FP32", "y", [2, 2], four) },
  },
  {
    ...ok,
    title: "an output as bytes, another as JSON",
    send: {
      path: "/v2/models/sum/infer",
      body: JSON.stringify({
        inputs: sumInputs,
        ...asBinary,
        outputs: [
          { name: "difference", parameters: { binary_data: false } },
          { name: "sum", parameters: { binary_data: true } },
        ],
      }),
    },
    body: {
      bytes: Buffer.concat([
        Buffer.from(
          '{"model_name":"sum","model_version":"1","outputs":[{"name":"difference",' +
            '"datatype":"FP32","shape":[1,2],"data":[0,0]},{"name":"sum","datatype":"FP32",' +
            '"shape":[1,2],"parameters":{"binary_data_size":8}}]}',
        ),
        Buffer.from(new Float32Array([2, 4]).buffer),
      ]),
    },
  },
  {
    ...refused,
    title: "fewer bytes than a tensor has",
    send: { path, ...joined(input(16), four.subarray(0, 12)) },
    body: { error: "unexpected size for input 'x', expecting 4 additional bytes" },
  },
  {
    ...refused,
    title: "more bytes than the tensors have",
    send: { path, ...joined(input(16), Buffer.concat([four, four])) },
    body: { error: "unexpected additional input data for model 'id-FP32'" },
  },
  {
    ...ok,
    title: "a tensor without elements has a size of 0",
    send: {
      path,
      body: JSON.stringify({
        inputs: [{ name: "x", datatype: "FP32", shape: [0, 4], data: [] }],
        ...asBinary,
      }),
    },
    body: { bytes: answerOf("id-FP32", "y", [0, 4], Buffer.alloc(0)) },
  },
  {
    ...refused,
    title: "BYTES that are not UTF-8",
    follows: "thaw",
    why: "ONNX Runtime would change them",
    send: {
      path: "/v2/models/id-BYTES/infer",
      ...joined(
        {
          inputs: [
            {
              name: "x",
              datatype: "BYTES",
              shape: [1, 1],
              parameters: { binary_data_size: 5 },
            },
          ],
        },
        Buffer.of(1, 0, 0, 0, 0xff),
      ),
    },
    body: { error: "not valid UTF-8" },
  },
  {
    ...refused,
    title: "a header length that is no number",
    send: { path, headers: { [length]: "-1" }, body: "{}" },
    body: { error: "must specify valid 'Infer-Header-Content-Length' in request header" },
  },
  {
    ...refused,
    title: "a header length beyond the body",
    send: { path, headers: { [length]: "99" }, body: "{}" },
    body: { error: "inference header size should be in range (0, 2], got: 99" },
  },
];

const raw: readonly RestGolden[] = [
  {
    ...ok,
    title: "raw: the body is the only input",
    why: "the others have no raw form",
    send: { path: "/v2/models/list/infer", headers: { [length]: "0" }, body: four },
    headers: { "content-type": "application/octet-stream" },
    body: { bytes: answerOf("list", "y", [4], four) },
  },
  {
    ...ok,
    title: "raw, in chunks and without a length",
    send: {
      path: "/v2/models/list/infer",
      headers: { [length]: "0" },
      pieces: [four.subarray(0, 3), four.subarray(3)],
    },
    body: { bytes: answerOf("list", "y", [4], four) },
  },
  {
    ...ok,
    title: "raw: BYTES are one element",
    send: { path: "/v2/models/texts/infer", headers: { [length]: "0" }, body: "été" },
    headers: { "content-type": "application/octet-stream" },
  },
  {
    ...refused,
    title: "raw to a model of two inputs",
    send: { path: "/v2/models/sum/infer", headers: { [length]: "0" }, body: four },
    body: { error: "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs" },
  },
  {
    ...refused,
    title: "raw bytes that make no whole element",
    follows: "thaw",
    send: { path: "/v2/models/list/infer", headers: { [length]: "0" }, body: "12345" },
    body: { error: "input byte size mismatch" },
  },
];

export const v2Binary: Chapter = {
  title: "V2 REST: binary tensors",
  goldens: [...tensors, ...raw],
};
