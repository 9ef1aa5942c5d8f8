import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type { Chapter, RestGolden } from "../golden.ts";

const path = "/v2/models/id-FP32/infer";
const request = (count: number) =>
  JSON.stringify({
    inputs: [
      {
        name: "x",
        datatype: "FP32",
        shape: [1, count],
        data: Array.from({ length: count }, () => 5),
      },
    ],
  });
const small = Buffer.from(request(1));
const five = { partOf: { outputs: [{ data: [5] }] } };
const ok = { kind: "rest", status: 200, follows: "Triton" } as const;
const refused = { kind: "rest", status: 400, follows: "thaw" } as const;
const sent = (coding: string, body: Uint8Array) => ({
  path,
  headers: { "content-encoding": coding },
  body,
});
const asked = (accept: string, count = 2_000) => ({
  path,
  headers: { "accept-encoding": accept },
  body: request(count),
});

const requests: readonly RestGolden[] = [
  { ...ok, title: "a request in gzip", send: sent("gzip", gzipSync(small)), body: five },
  {
    ...ok,
    title: "a request in deflate, which is zlib's format",
    why: "MLServer, OVMS and KServe know no deflate",
    send: sent("deflate", deflateSync(small)),
    body: five,
  },
  {
    ...ok,
    title: "gzip of several members",
    follows: "all",
    why: "RFC 1952",
    send: sent(
      "gzip",
      Buffer.concat([gzipSync(small.subarray(0, 9)), gzipSync(small.subarray(9))]),
    ),
    body: five,
  },
  {
    ...refused,
    title: "deflate without zlib's header",
    send: sent("deflate", deflateRawSync(small)),
    body: { error: "failed to unpack the body by its Content-Encoding 'deflate'" },
  },
  {
    ...refused,
    title: "gzip that is cut short",
    send: sent("gzip", gzipSync(small).subarray(0, -9)),
    body: { error: "unexpected end of file" },
  },
  {
    ...refused,
    title: "bytes behind a compressed body",
    send: sent("deflate", Buffer.concat([deflateSync(small), small])),
    body: { error: "bytes follow its end" },
  },
  {
    ...refused,
    title: "a small body that unpacks to a large one",
    why: "refused before the memory is taken",
    status: 413,
    send: sent("gzip", gzipSync(Buffer.alloc(2 ** 20 + 1))),
    body: { error: "unpacks to more than 1048576 bytes" },
  },
  {
    ...refused,
    title: "a coding that is not known",
    why: "415 by RFC 9110; Triton says 501",
    status: 415,
    send: sent("br", small),
    headers: { "accept-encoding": "gzip, deflate" },
    body: { error: "Content-Encoding 'br' is not supported" },
  },
];

const answers: readonly RestGolden[] = [
  {
    ...ok,
    title: "an answer in gzip",
    send: asked("gzip"),
    headers: { "content-encoding": "gzip", vary: "Accept-Encoding" },
  },
  {
    ...ok,
    title: "the coding of the highest weight",
    send: asked("gzip;q=0.5, deflate;q=0.8, br"),
    headers: { "content-encoding": "deflate" },
  },
  {
    ...ok,
    title: "a weight of 0 is a no",
    send: asked("gzip;q=0, deflate;q=0"),
    headers: { "content-encoding": null },
  },
  {
    ...ok,
    title: "a small answer stays as it is",
    follows: "thaw",
    send: asked("gzip", 1),
    headers: { "content-encoding": null },
    body: five,
  },
];

export const coding: Chapter = {
  title: "REST: compression",
  goldens: [...requests, ...answers],
};
