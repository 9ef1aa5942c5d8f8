import type { Chapter, RestGolden } from "../golden.ts";

const input = { name: "x", datatype: "FP32", shape: [1, 1], data: [5] };
const path = "/v2/models/id-FP32/infer";
const body = (more: object = {}) => JSON.stringify({ inputs: [input], ...more });
const five = { partOf: { outputs: [{ data: [5] }] } };
const ok = { kind: "rest", status: 200, follows: "Triton", body: five } as const;
const refused = { kind: "rest", status: 400, follows: "Triton" } as const;
const text = Buffer.from(body());

const goldens: readonly RestGolden[] = [
  { ...ok, title: "no Content-Type", follows: "all", send: { path, body: body() } },
  {
    ...ok,
    title: "any Content-Type",
    send: { path, headers: { "content-type": "text/plain" }, body: body() },
  },
  {
    ...ok,
    title: "a body in chunks",
    follows: "all",
    send: { path, pieces: [text.subarray(0, 7), text.subarray(7)] },
  },
  {
    ...ok,
    title: "`Expect: 100-continue`, as curl sends it for large bodies",
    follows: "all",
    send: { path, headers: { expect: "100-continue" }, body: body() },
  },
  {
    ...ok,
    title: "parameters of the schedule and of sequences",
    follows: "thaw",
    why: "reserved, and without effect",
    send: {
      path,
      body: body({ parameters: { priority: 1, sequence_id: "s", sequence_start: true } }),
    },
  },
  {
    ...ok,
    title: "unknown parameters of any simple type",
    why: "they do nothing",
    send: { path, body: body({ parameters: { a: "b", c: 1, d: 0.5, e: true } }) },
  },
  {
    ...refused,
    title: "a parameter that is an object",
    send: { path, body: body({ parameters: { a: {} } }) },
    body: { error: "parameter 'a' of the request must be a string, a number or a boolean" },
  },
  {
    ...refused,
    title: "a client's own time limit, by parameter (µs)",
    follows: "thaw",
    why: "Triton needs a queue policy for it",
    status: 504,
    send: { path, body: body({ parameters: { timeout: 0.001 } }) },
  },
  {
    ...ok,
    title: "a client's own time limit, by header (ms)",
    follows: "thaw",
    send: { path, headers: { "x-request-timeout-ms": "20000" }, body: body() },
  },
  {
    ...refused,
    title: "data and bytes for one input",
    send: {
      path,
      body: JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: 4 } }] }),
    },
    body: { error: "Input must set only one of the following fields" },
  },
  {
    ...refused,
    title: "a missing input",
    send: {
      path: "/v2/models/sum/infer",
      body: JSON.stringify({ inputs: [{ ...input, name: "a", shape: [1, 2], data: [1, 2] }] }),
    },
    body: { error: "missing required input(s) ['b']" },
  },
  {
    ...refused,
    title: "an input that the model has not",
    send: { path, body: JSON.stringify({ inputs: [{ ...input, name: "z" }] }) },
    body: { error: "'z'" },
  },
  {
    ...refused,
    title: "an output that the model has not",
    send: { path, body: body({ outputs: [{ name: "z" }] }) },
    body: { error: "'z'" },
  },
  {
    ...refused,
    title: "classification",
    follows: "thaw",
    why: "not offered",
    send: { path, body: body({ outputs: [{ name: "y", parameters: { classification: 1 } }] }) },
    body: { error: "the classification extension is not supported" },
  },
];

export const v2Requests: Chapter = { title: "V2 REST: requests", goldens };
