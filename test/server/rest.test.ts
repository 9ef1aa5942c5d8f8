import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Datatype, datatypes } from "../../src/domain/datatype.ts";
import { http1, http2, inferBody, irisInput, type Json } from "../support/http.ts";
import {
  identityModel,
  offsetModel,
  save,
  sumModel,
  tableModel,
  temporaryFolder,
} from "../support/models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** V2 REST, spoken to the real server over HTTP/1.1 and HTTP/2. */

let server: TestServer;
const served = datatypes.filter((datatype) => datatype !== "BF16");

beforeAll(async () => {
  const folder = temporaryFolder();
  const identities = served.map((datatype) => {
    const path = save(join(folder, `${datatype}.onnx`), identityModel(datatype));
    return `id-${datatype}=${path}`;
  });
  save(join(folder, "versions/1/model.onnx"), offsetModel(1));
  save(join(folder, "versions/3/model.onnx"), offsetModel(3));
  const sum = save(join(folder, "sum/model.onnx"), sumModel());
  const table = save(join(folder, "table.onnx"), tableModel());
  const named = [
    `table=${table}`,
    `iris=${irisModel}`,
    `versions=${join(folder, "versions")}`,
    `sum=${sum}`,
  ];
  server = await startServer({ args: [...identities, ...named, "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const a = { name: "a", datatype: "FP32", shape: [1, 2], data: [1, 2] };
const b = { name: "b", datatype: "FP32", shape: [1, 2], data: [10, 20] };

for (const [name, send] of [
  ["HTTP/1.1", http1],
  ["HTTP/2", http2],
] as const) {
  const get = (path: string) => send(server.port, { path });
  const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    send(server.port, { path, body, headers });

  describe(`V2 REST over ${name}`, () => {
    it("says that it is live and ready, and what it is", async () => {
      expect((await get("/v2/health/live")).json()).toEqual({ live: true });
      expect((await get("/v2/health/ready")).json()).toEqual({ ready: true });
      const metadata = (await get("/v2")).json();
      expect(metadata).toMatchObject({
        name: "thaw",
        extensions: ["model_configuration", "binary_tensor_data", "parameters", "statistics"],
      });
      expect((await get("/v2/models")).json().models).toContain("iris");
    });

    it("describes a model by its graph", async () => {
      expect((await get("/v2/models/iris")).json()).toMatchObject({
        name: "iris",
        versions: ["1"],
        platform: "onnxruntime_onnx",
        inputs: [{ name: "input-0", datatype: "FP32", shape: [-1, 4] }],
        outputs: [
          { name: "label", datatype: "INT64", shape: [-1] },
          { name: "probabilities", datatype: "FP32", shape: [-1, 3] },
        ],
      });
      expect((await get("/v2/models/iris/versions/1")).json().name).toBe("iris");
      expect((await get("/v2/models/iris/ready")).json()).toEqual({ name: "iris", ready: true });
    });

    it("serves the highest version by default, and each by its number", async () => {
      const x = inferBody([{ name: "x", datatype: "FP32", shape: [1], data: [10] }]);
      const value = (reply: { json(): Json }) => reply.json().outputs[0].data[0];
      expect(value(await post("/v2/models/versions/infer", x))).toBe(13);
      expect(value(await post("/v2/models/versions/versions/1/infer", x))).toBe(11);
      expect((await get("/v2/models/versions")).json().versions).toEqual(["1", "3"]);
      expect((await get("/v2/models/versions/versions/3/ready")).status).toBe(200);
      const unknown = await post("/v2/models/versions/versions/2/infer", x);
      expect(unknown.status).toBe(404);
      expect(unknown.json().error).toBe(
        "Request for unknown model: 'versions' version 2 is not found",
      );
    });

    it("echoes the id, and gives the outputs that were asked for, in that order", async () => {
      const outputs = [{ name: "difference" }, { name: "sum" }];
      const reply = await post("/v2/models/sum/infer", inferBody([b, a], { id: "q-1", outputs }));
      expect(reply.json()).toEqual({
        id: "q-1",
        model_name: "sum",
        model_version: "1",
        outputs: [
          { name: "difference", datatype: "FP32", shape: [1, 2], data: [-9, -18] },
          { name: "sum", datatype: "FP32", shape: [1, 2], data: [11, 22] },
        ],
      });
      const one = inferBody([a, b], { outputs: [{ name: "sum" }] });
      expect((await post("/v2/models/sum/infer", one)).json().outputs).toHaveLength(1);
    });

    it("takes and gives binary tensors, mixed with JSON", async () => {
      const outputs = [{ name: "sum", parameters: { binary_data: true } }, { name: "difference" }];
      const json = inferBody([{ ...a, data: undefined, parameters: { binary_data_size: 8 } }, b], {
        outputs,
      });
      const body = Buffer.concat([Buffer.from(json), Buffer.from(new Float32Array([5, 6]).buffer)]);
      const reply = await post("/v2/models/sum/infer", body, {
        "inference-header-content-length": String(Buffer.byteLength(json)),
      });
      expect(reply.status).toBe(200);
      expect(reply.headers["content-type"]).toBe("application/octet-stream");
      const length = Number(reply.headers["inference-header-content-length"]);
      const answer = JSON.parse(reply.body.subarray(0, length).toString());
      expect(answer.outputs[0].parameters).toEqual({ binary_data_size: 8 });
      expect(answer.outputs[1].data).toEqual([-5, -14]);
      const rest = new Uint8Array(reply.body.subarray(length));
      expect([...new Float32Array(rest.buffer)]).toEqual([15, 26]);
    });

    it("says what is wrong, and keeps its phrases", async () => {
      const cases: [string, string, number, string][] = [
        ["/v2/models/x/infer", inferBody([a]), 404, "Request for unknown model: 'x' is not found"],
        ["/v2/models/sum/infer", "{", 400, "failed to parse the request JSON buffer"],
        ["/v2/models/sum/infer", "[]", 400, "expected an object"],
        [
          "/v2/models/sum/infer",
          inferBody([a]),
          400,
          "expected 2 inputs but got 1 inputs for model 'sum'. Got input(s) ['a'], but missing " +
            "required input(s) ['b']. Please provide all required input(s).",
        ],
        [
          "/v2/models/sum/infer",
          inferBody([{ ...a, datatype: "INT32" }, b]),
          400,
          "inference input 'a' data-type is 'INT32', but model 'sum' expects 'FP32'",
        ],
        [
          "/v2/models/sum/infer",
          inferBody([{ ...a, shape: [2, 1] }, b]),
          400,
          "unexpected shape for input 'a' for model 'sum'. Expected [-1,2], got [2,1].",
        ],
        [
          "/v2/models/sum/infer",
          inferBody([a, b], { outputs: [{ name: "none" }] }),
          400,
          "unexpected inference output 'none' for model 'sum'",
        ],
        [
          "/v2/models/sum/infer",
          inferBody([a, { ...b, shape: [2, 2], data: [1, 2, 3, 4] }, { ...a, name: "c" }]),
          400,
          "unexpected inference input 'c'",
        ],
      ];
      for (const [path, body, status, phrase] of cases) {
        const reply = await post(path, body);
        expect(reply.status, phrase).toBe(status);
        expect(reply.json().error).toContain(phrase);
      }
    });

    it("calls values that the graph cannot take a client's mistake, in its own words", async () => {
      const input = { name: "x", datatype: "INT64", shape: [1], data: [99] };
      const reply = await post("/v2/models/table/infer", inferBody([input]));
      expect(reply.status).toBe(400);
      expect(reply.json().error).toBe("model 'table' cannot compute these input values");
      const bytes = Buffer.from([...Buffer.from('{"inputs":[{"name":"'), 0xff, 0x22]);
      const invalid = await post("/v2/models/table/infer", bytes);
      expect([invalid.status, invalid.json().error]).toEqual([
        400,
        "failed to parse the request JSON buffer: it is not valid UTF-8",
      ]);
    });

    it("knows its routes and their methods", async () => {
      const unknown = await get("/v3");
      expect([unknown.status, unknown.json()]).toEqual([404, { error: "Not Found" }]);
      const wrong = await get("/v2/models/iris/infer");
      expect([wrong.status, wrong.headers["allow"]]).toEqual([405, "POST"]);
      const posted = await post("/v2/health/live", "{}");
      expect([posted.status, posted.headers["allow"]]).toEqual([405, "GET, HEAD"]);
      const head = await send(server.port, { path: "/v2/health/ready", method: "HEAD" });
      expect([head.status, head.text]).toEqual([200, ""]);
    });

    it("takes no path for a name", async () => {
      for (const path of [
        "..%2f..%2fetc",
        "%2e%2e",
        "a%5cb",
        "a%00b",
        "__proto__",
        "constructor",
      ]) {
        const reply = await get(`/v2/models/${path}/ready`);
        expect(reply.status, path).toBe(404);
      }
    });

    it("refuses compressed bodies until it can unpack them", async () => {
      const reply = await post("/v2/models/iris/infer", "x", { "content-encoding": "br" });
      expect(reply.status).toBe(415);
    });
  });
}

/** What a server says to bytes on a raw connection, until it ends it. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (piece) => {
      answer += piece;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.write(text);
  });
}

describe("raw bytes", () => {
  const rest = "Connection: close\r\n\r\n";

  it("of HTTP/1.0, and without a Host, are answered", async () => {
    expect(await raw("GET /v2/health/ready HTTP/1.0\r\n\r\n")).toContain('{"ready":true}');
    expect(await raw(`GET /v2/health/ready HTTP/1.1\r\n${rest}`)).toContain('{"ready":true}');
  });

  it("that are no HTTP, or too much of it, are refused with a reason", async () => {
    for (const text of ["\u0016\u0003\u0001\u0000\r\n", "GET / HTTP/9.9\r\n\r\n"]) {
      expect(await raw(text)).toMatch(/^HTTP\/1.1 400 [\s\S]*"error":/);
    }
    const long = `GET /v2 HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
    expect(await raw(long)).toMatch(/^HTTP\/1.1 431 [\s\S]*"error":/);
    const smuggled = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await raw(`POST /v2/models/iris/infer HTTP/1.1\r\nHost: a\r\n${smuggled}`)).toMatch(
      / 400 /,
    );
  });
});

/** Elements whose every digit and bit has to come back. */
const extremes: Readonly<Record<Exclude<Datatype, "BF16">, string>> = {
  BOOL: "[true,false]",
  UINT8: "[0,255]",
  UINT16: "[0,65535]",
  UINT32: "[0,4294967295]",
  UINT64: "[9007199254740993,18446744073709551615]",
  INT8: "[-128,127]",
  INT16: "[-32768,32767]",
  INT32: "[-2147483648,2147483647]",
  INT64: "[-9223372036854775808,9223372036854775807]",
  FP16: "[0.5,-65504]",
  FP32: "[1.5,3.4028234663852886e+38]",
  FP64: "[0.1,-1.7976931348623157e+308]",
  BYTES: '["grüße","🦙"]',
};

describe("every datatype", () => {
  it.each(Object.entries(extremes))("%s comes back as it went in", async (datatype, data) => {
    const inputs = `[{"name":"x","datatype":"${datatype}","shape":[1,2],"data":${data}}]`;
    const path = `/v2/models/id-${datatype}/infer`;
    const flat = await http1(server.port, { path, body: `{"inputs":${inputs}}` });
    expect(flat.text).toContain(`"data":${data}`);
    const nested = inputs.replace(data, `[${data}]`);
    const over = await http1(server.port, { path, body: `{"inputs":${nested}}` });
    expect(over.text).toBe(flat.text);
    const binary = await http1(server.port, {
      path,
      body: `{"inputs":${inputs},"parameters":{"binary_data_output":true}}`,
    });
    const length = Number(binary.headers["inference-header-content-length"]);
    const bytes = binary.body.subarray(length);
    const head = Buffer.from(
      `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],` +
        `"parameters":{"binary_data_size":${bytes.length}}}]}`,
    );
    const again = await http1(server.port, {
      path,
      body: Buffer.concat([head, bytes]),
      headers: { "inference-header-content-length": String(head.length) },
    });
    expect(again.text).toBe(flat.text);
  });

  it("may be empty, in any dimension", async () => {
    const inputs = [{ name: "x", datatype: "FP32", shape: [0, 2], data: [] }];
    const path = "/v2/models/id-FP32/infer";
    const reply = await http1(server.port, { path, body: inferBody(inputs) });
    expect(reply.json().outputs[0]).toMatchObject({ shape: [0, 2], data: [] });
  });
});

describe("Iris", () => {
  it("is right about at least 95 % of its rows", async () => {
    const { readFileSync } = await import("node:fs");
    const csv = readFileSync(join(import.meta.dirname, "../../scripts/iris.csv"), "utf8");
    const rows = csv
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(",").map(Number));
    const body = inferBody([irisInput(...rows.map((row) => row.slice(0, 4)))]);
    const reply = await http1(server.port, { path: "/v2/models/iris/infer", body });
    const [label, probabilities] = reply.json().outputs;
    const right = rows.filter((row, index) => label.data[index] === row[4]);
    expect(right.length / rows.length).toBeGreaterThanOrEqual(0.95);
    expect(probabilities.shape).toEqual([150, 3]);
  });
});
