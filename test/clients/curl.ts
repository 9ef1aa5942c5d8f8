import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./program.ts";
import type { Report } from "./report.ts";

/** Checks with curl over both versions of HTTP, on the port that serves gRPC as well. */

const callMsMax = 30_000;

interface Curl {
  readonly program: string;
  readonly http2: boolean;
  /** Whether HTTP/2 without an upgrade works for more than the first request of a connection. */
  readonly http2Reuse: boolean;
  readonly port: number;
  /** Where bodies can be put. */
  readonly folder: string;
}

interface Version {
  readonly name: string;
  readonly flag: string;
  /** As curl writes it. */
  readonly spoken: string;
}

const versions: readonly Version[] = [
  { name: "HTTP/1.1", flag: "--http1.1", spoken: "1.1" },
  { name: "HTTP/2", flag: "--http2-prior-knowledge", spoken: "2" },
];

const flower = {
  id: "flower",
  inputs: [{ name: "input-0", shape: [1, 4], datatype: "FP32", data: [[5.1, 3.5, 1.4, 0.2]] }],
};

export async function checkCurl(report: Report, curl: Curl): Promise<void> {
  for (const version of versions) {
    if (version.spoken === "2" && !curl.http2) {
      report.skip("curl with HTTP/2", "this curl was built without it");
      continue;
    }
    await checkPaths(report, curl, version);
    await checkInfer(report, curl, version);
    await checkRefusals(report, curl, version);
  }
  await report.check("curl: an offer to upgrade to HTTP/2 is answered", async () => {
    const flag = curl.http2 ? "--http2" : "--http1.1";
    const { status, body } = await ask(curl, flag, "/v2/health/live");
    deepEqual([status, JSON.parse(body)], [200, { live: true }]);
  });
}

interface Reply {
  readonly version: string;
  readonly status: number;
  /** Connections opened for it; 0 when one was open already. */
  readonly connects: number;
  readonly body: string;
}

async function ask(
  { program, port }: Curl,
  flag: string,
  path: string,
  options: readonly string[] = [],
): Promise<Reply> {
  const url = `http://127.0.0.1:${port}${path}`;
  const written = ["--write-out", "\\n%{http_version} %{http_code} %{num_connects}"];
  const quiet = ["--silent", "--show-error", "--noproxy", "*"];
  const args = [...quiet, flag, ...written, ...options, url];
  const { code, stdout, stderr } = await run(program, args, { timeoutMs: callMsMax });
  equal(code, 0, stderr);
  const parts = /^(.*)\n(\S+) (\d+) (\d+)$/s.exec(stdout) ?? [];
  const [, body = "", version = "", status = "", connects = ""] = parts;
  return { version, status: Number(status), connects: Number(connects), body };
}

function posting(body: object): string[] {
  return ["--json", JSON.stringify(body)];
}

async function checkPaths(report: Report, curl: Curl, version: Version): Promise<void> {
  const { name, flag, spoken } = version;
  await report.check(`curl ${name}: live, ready, models`, async () => {
    for (const [path, expected] of [
      ["/v2/health/live", { live: true }],
      ["/v2/health/ready", { ready: true }],
      ["/v2/models/iris/ready", { name: "iris", ready: true }],
      ["/v2/models/offset/versions/1/ready", { name: "offset", ready: true }],
    ] as const) {
      const reply = await ask(curl, flag, path);
      deepEqual([reply.version, reply.status], [spoken, 200]);
      deepEqual(JSON.parse(reply.body), expected);
    }
  });
  await report.check(`curl ${name}: HEAD`, async () => {
    const reply = await ask(curl, flag, "/v2/health/ready", ["--head"]);
    equal(reply.status, 200);
    match(reply.body, /^content-type: application\/json/im);
  });
  await checkReuse(report, curl, version);
  await report.check(`curl ${name}: percent-encoded model name`, async () => {
    const reply = await ask(curl, flag, "/v2/models/na%C3%AFve%20100%25");
    equal(Object(JSON.parse(reply.body)).name, "naïve 100%");
  });
}

async function checkReuse(report: Report, curl: Curl, version: Version): Promise<void> {
  const { name, flag, spoken } = version;
  if (spoken === "2" && !curl.http2Reuse) {
    report.skip(`curl ${name}: several requests on one connection`, "needs curl 8 or newer");
    return;
  }
  await report.check(`curl ${name}: several requests on one connection`, async () => {
    const url = `http://127.0.0.1:${curl.port}/v2`;
    const reply = await ask(curl, flag, "/v2", [url, url, url]);
    deepEqual([reply.version, reply.status, reply.connects], [spoken, 200, 0]);
    equal([...reply.body.matchAll(/"name":"thaw"/g)].length, 4);
  });
}

async function checkInfer(report: Report, curl: Curl, version: Version): Promise<void> {
  const { name, flag, spoken } = version;
  await report.check(`curl ${name}: infer with JSON`, async () => {
    const reply = await ask(curl, flag, "/v2/models/iris/infer", posting(flower));
    deepEqual([reply.version, reply.status], [spoken, 200]);
    const response = Object(JSON.parse(reply.body));
    equal(response.id, "flower");
    equal(response.model_name, "iris");
    equal(response.model_version, "1");
    deepEqual(response.outputs[0], { name: "label", shape: [1], datatype: "INT64", data: [0] });
  });
  await report.check(`curl ${name}: int64 beyond a double's precision`, async () => {
    // As text, because JSON.stringify has no way to write these numbers.
    const data = "[9223372036854775807,-9223372036854775808]";
    const input = `{"name":"x","shape":[1,2],"datatype":"INT64","data":${data}}`;
    const options = ["--json", `{"inputs":[${input}]}`];
    const reply = await ask(curl, flag, "/v2/models/identity_int64/infer", options);
    equal(reply.status, 200, reply.body);
    match(reply.body, /"data":\[9223372036854775807,-9223372036854775808\]/);
  });
  await report.check(`curl ${name}: infer with a JSON body of several MiB`, async () => {
    // Over 1 MiB, curl asks with "Expect: 100-continue" and waits for the answer.
    const data = Array.from({ length: 500_000 }, (_, index) => index + 0.5);
    const input = { name: "x", shape: [1, data.length], datatype: "FP32", data };
    const file = join(curl.folder, "large.json");
    writeFileSync(file, JSON.stringify({ inputs: [input] }));
    const options = ["--json", `@${file}`];
    const reply = await ask(curl, flag, "/v2/models/identity_fp32/infer", options);
    equal(reply.status, 200, reply.body.slice(0, 200));
    deepEqual(Object(JSON.parse(reply.body)).outputs[0].data, data);
  });
  await report.check(`curl ${name}: infer without a length, in pieces`, async () => {
    const chunked = spoken === "1.1" ? ["--header", "Transfer-Encoding: chunked"] : [];
    const options = [...chunked, ...posting(flower)];
    const reply = await ask(curl, flag, "/v2/models/iris/infer", options);
    equal(reply.status, 200, reply.body);
  });
}

async function checkRefusals(report: Report, curl: Curl, { name, flag }: Version): Promise<void> {
  const refused = async (
    path: string,
    options: readonly string[],
    status: number,
    phrase: RegExp,
  ) => {
    const reply = await ask(curl, flag, path, options);
    equal(reply.status, status, reply.body);
    match(Object(JSON.parse(reply.body)).error, phrase);
  };
  await report.check(`curl ${name}: unknown model and unknown path`, async () => {
    const unknown = /Request for unknown model: 'nope' is not found/;
    await refused("/v2/models/nope", [], 404, unknown);
    await refused("/v2/models/nope/infer", posting(flower), 404, unknown);
    await refused("/v3", [], 404, /Not Found/);
  });
  await report.check(`curl ${name}: wrong method`, async () => {
    await refused("/v2/models/iris/infer", [], 405, /Method Not Allowed/);
  });
  await report.check(`curl ${name}: malformed JSON`, async () => {
    await refused("/v2/models/iris/infer", ["--json", '{"inputs":['], 400, /JSON/);
  });
  await report.check(`curl ${name}: fewer and more elements than the shape has`, async () => {
    const given = (data: number[]) =>
      posting({ inputs: [{ name: "input-0", shape: [1, 4], datatype: "FP32", data }] });
    const under = /Failed to parse 'data' field: shape does not match true shape/;
    await refused("/v2/models/iris/infer", given([1, 2, 3]), 400, under);
    const over = /Unable to parse 'data': Shape does not match true shape of 'data' field/;
    await refused("/v2/models/iris/infer", given([1, 2, 3, 4, 5]), 400, over);
  });
}
