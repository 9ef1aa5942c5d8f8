import type { Chapter, RestGolden } from "../golden.ts";

/** Extensions that are off, or not offered: each is refused, none half done. */

const x = { name: "x", datatype: "FP32", shape: [1, 1] };
const infer = "/v2/models/id-FP32/infer";
const absent = { kind: "rest", follows: "thaw", why: "not offered", status: 404 } as const;
const notFound = { error: "Not Found" };

const goldens: readonly RestGolden[] = [
  {
    kind: "rest",
    title: "loading while the repository interface is off",
    follows: "thaw",
    why: "Triton says 503, which invites to try again",
    send: { path: "/v2/repository/models/iris/load", body: "{}" },
    status: 403,
    body: { error: "--repository-api" },
  },
  {
    kind: "rest",
    title: "unloading, too",
    follows: "thaw",
    send: { path: "/v2/repository/models/iris/unload", body: "{}" },
    status: 403,
    body: { error: "--repository-api" },
  },
  {
    ...absent,
    title: "generate",
    send: { path: "/v2/models/iris/generate", body: "{}" },
    body: notFound,
  },
  { ...absent, title: "trace", send: { path: "/v2/trace/setting" }, body: notFound },
  { ...absent, title: "logging", send: { path: "/v2/logging" }, body: notFound },
  {
    ...absent,
    title: "shared memory",
    why: "a server in its own pod shares none",
    send: { path: "/v2/systemsharedmemory/status" },
    body: notFound,
  },
  {
    ...absent,
    title: "an input in shared memory",
    status: 400,
    send: {
      path: infer,
      body: JSON.stringify({
        inputs: [{ ...x, parameters: { shared_memory_region: "r", shared_memory_byte_size: 4 } }],
      }),
    },
    body: { error: "input 'x': the shared memory extensions are not supported" },
  },
  {
    ...absent,
    title: "an output in shared memory",
    status: 400,
    send: {
      path: infer,
      body: JSON.stringify({
        inputs: [{ ...x, data: [1] }],
        outputs: [{ name: "y", parameters: { shared_memory_region: "r" } }],
      }),
    },
    body: { error: "output 'y': the shared memory extensions are not supported" },
  },
];

export const absentExtensions: Chapter = { title: "V2 REST: what is not offered", goldens };
