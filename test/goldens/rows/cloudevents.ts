import type { Chapter, RestGolden } from "../golden.ts";

const flower = [6.8, 2.8, 4.8, 1.4];
const instances = { instances: [flower] };
const path = "/v1/models/flowers:predict";
const binary = {
  "ce-specversion": "1.0",
  "ce-id": "7",
  "ce-source": "/test",
  "ce-type": "t",
};
const attributes = { specversion: "1.0", id: "7", source: "/test", type: "t" };
const structured = { "content-type": "application/cloudevents+json" };
const answer = {
  "ce-specversion": "1.0",
  "ce-type": "io.kserve.inference.response",
  "ce-source": "io.kserve.inference.flowers",
} as const;
const answered = {
  specversion: "1.0",
  type: "io.kserve.inference.response",
  source: "io.kserve.inference.flowers",
  data: { predictions: [1] },
};
const ok = { kind: "rest", status: 200, follows: "KServe" } as const;
const refused = { kind: "rest", status: 400, follows: "KServe" } as const;
const event = (more: object) => JSON.stringify({ ...attributes, ...more });

const goldens: readonly RestGolden[] = [
  {
    ...ok,
    title: "binary: attributes in headers, in and out",
    send: { path, headers: binary, body: JSON.stringify(instances) },
    headers: answer,
    body: { json: { predictions: [1] } },
  },
  {
    ...ok,
    title: "structured: the event as JSON, in and out",
    send: { path, headers: structured, body: event({ data: instances }) },
    headers: { "content-type": "application/cloudevents+json" },
    body: { partOf: answered },
  },
  {
    ...ok,
    title: "structured with `data_base64`",
    send: {
      path,
      headers: structured,
      body: event({ data_base64: Buffer.from(JSON.stringify(instances)).toString("base64") }),
    },
    body: { partOf: answered },
  },
  {
    ...ok,
    title: "V2 in binary mode",
    send: {
      path: "/v2/models/flowers/infer",
      headers: binary,
      body: JSON.stringify({
        inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: flower }],
      }),
    },
    headers: answer,
    body: { partOf: { model_name: "flowers", outputs: [{ data: [1] }] } },
  },
  {
    ...ok,
    title: "the id of the answer is its own",
    send: { path, headers: { ...binary, "ce-id": "7" }, body: JSON.stringify(instances) },
    headers: { "ce-datacontenttype": null },
  },
  {
    ...refused,
    title: "a required attribute that is missing",
    send: { path, headers: { "ce-specversion": "1.0" }, body: JSON.stringify(instances) },
    body: { error: "Cloud Event Exceptions: missing required attributes: id, source, type" },
  },
  {
    ...refused,
    title: "a structured event that is no JSON",
    send: { path, headers: structured, body: "{" },
    body: { error: "Failed to decode or parse" },
  },
  {
    ...refused,
    title: "both `data` and `data_base64`",
    follows: "thaw",
    why: "the format allows one",
    send: { path, headers: structured, body: event({ data: instances, data_base64: "e30=" }) },
    body: { error: "it has both 'data' and 'data_base64'" },
  },
  {
    ...refused,
    title: "a batch of events",
    follows: "thaw",
    why: "not offered",
    send: { path, headers: { "content-type": "application/cloudevents-batch+json" }, body: "[]" },
    body: { error: "batches of CloudEvents are not supported" },
  },
];

export const cloudEvents: Chapter = { title: "CloudEvents", goldens };
