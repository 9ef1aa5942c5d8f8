import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { http1, http2, type Send } from "../support/http.ts";
import { identityModel, save, sumModel, tableModel, temporaryFolder } from "../support/models.ts";
import { singleModels } from "../support/row-models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** V1, and CloudEvents on both protocols, by the real server. */

let server: TestServer;

beforeAll(async () => {
  const folder = temporaryFolder();
  const models = {
    texts: identityModel("BYTES", [-1, 1]),
    longs: identityModel("INT64", [-1, -1]),
    sum: sumModel(),
    table: tableModel(),
    vector: identityModel("FP32", [3]),
    folded: singleModels["Reshape into another number of rows"]?.() ?? expect.fail("no model"),
  };
  const saved = Object.entries(models).map(
    ([name, model]) => `${name}=${save(join(folder, `${name}.onnx`), model)}`,
  );
  const colon = save(join(folder, "with:colon.onnx"), tableModel());
  server = await startServer({ args: [`iris=${irisModel}`, ...saved, colon, "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const rows = "[[6.8,2.8,4.8,1.4],[6.0,3.4,4.5,1.6]]";
const iris = "/v1/models/iris:predict";

for (const [version, sender] of [
  ["HTTP/1.1", http1],
  ["HTTP/2", http2],
] as const) {
  const send = (path: string, rest: Omit<Send, "path"> = {}) =>
    sender(server.port, { path, ...rest });
  const answer = async (path: string, rest: Omit<Send, "path"> = {}) => {
    const reply = await send(path, rest);
    return [reply.status, reply.json()];
  };
  const predict = (model: string, body: string) => answer(`/v1/models/${model}:predict`, { body });

  describe(`V1 over ${version}`, () => {
    it("tells what is there", async () => {
      expect(await answer("/")).toEqual([200, { status: "alive" }]);
      const [status, body] = await answer("/v1/models");
      expect([status, body.models]).toEqual([200, expect.arrayContaining(["iris", "sum"])]);
      const ready = { name: "iris", ready: true };
      expect(await answer("/v1/models/iris")).toEqual([200, ready]);
      expect(await answer("/v1/models/iris/versions/1")).toEqual([200, ready]);
      expect((await send("/v1/models/iris", { method: "HEAD" })).status).toBe(200);
      const colon = { name: "with:colon", ready: true };
      expect(await answer("/v1/models/with:colon")).toEqual([200, colon]);
      expect(await predict("with:colon", '{"instances":[0]}')).toEqual([
        200,
        { predictions: [10] },
      ]);
    });

    it("answers rows as KServe's batcher sends them: no Content-Type, another Host", async () => {
      const headers = version === "HTTP/1.1" ? { host: "example.com" } : {};
      const body = `{"instances":${rows}}`;
      const [status, { predictions }] = await answer(iris, { body, headers });
      expect([status, predictions.map(({ label }: { label: number }) => label)]).toEqual([
        200,
        [1, 1],
      ]);
      for (const type of ["application/json", "text/plain", "application/octet-stream"]) {
        const given = await answer(iris, { body, headers: { "content-type": type } });
        expect(given).toEqual([200, { predictions }]);
      }
      expect(await predict("iris/versions/1", body)).toEqual([200, { predictions }]);
      expect(await answer("/v1/models/iris%3Apredict", { body })).toEqual([200, { predictions }]);
    });

    it("answers columns as TensorFlow Serving does", async () => {
      const [status, { outputs }] = await predict("iris", `{"inputs":{"input-0":${rows}}}`);
      expect([status, outputs.label, outputs.probabilities.length]).toEqual([200, [1, 1], 2]);
      expect(await predict("table", '{"inputs":{"x":[2,0]}}')).toEqual([
        200,
        { outputs: [30, 10] },
      ]);
    });

    it("answers one value for a row, or an object where there are several outputs", async () => {
      expect(await predict("table", '{"instances":[1,2]}')).toEqual([
        200,
        { predictions: [20, 30] },
      ]);
      expect(await predict("table", '{"inputs":[1]}')).toEqual([200, { predictions: [20] }]);
      const named = '{"instances":[{"a":[1,2],"b":[3,5]},{"b":[0,0],"a":[1,1]}]}';
      expect(await predict("sum", named)).toEqual([
        200,
        {
          predictions: [
            { sum: [4, 7], difference: [-2, -3] },
            { sum: [1, 1], difference: [1, 1] },
          ],
        },
      ]);
    });

    it("takes strings, in base64 too, and 64-bit integers to the last digit", async () => {
      const texts = '{"instances":["é",{"b64":"aGk="}]}';
      expect(await predict("texts", texts)).toEqual([200, { predictions: [["é"], ["hi"]] }]);
      const body = '{"instances":[[9007199254740993,-9223372036854775808]]}';
      const reply = await send("/v1/models/longs:predict", { body });
      expect(reply.text).toBe('{"predictions":[[9007199254740993,-9223372036854775808]]}');
    });

    it("gives a model without rows its only instance", async () => {
      expect(await predict("vector", '{"instances":[[1,2,3]]}')).toEqual([
        200,
        { predictions: [[1, 2, 3]] },
      ]);
      const [status, { error }] = await predict("vector", '{"instances":[[1,2,3],[4,5,6]]}');
      expect([status, error]).toEqual([400, expect.stringContaining("got [2,3]")]);
    });

    const refusals: readonly (readonly [string, string, string, number, string])[] = [
      ["iris", "POST", "{", 400, "Unrecognized request format: "],
      ["iris", "POST", '{"instances":{}}', 400, 'Expected "instances" to be a list'],
      ["iris", "POST", '{"instances":[[1,2]]}', 400, "Expected [-1,4], got [1,2]."],
      ["iris", "POST", '{"instances":[["a","b","c","d"]]}', 400, "within the range of FP32"],
      ["sum", "POST", '{"instances":[[1,2]]}', 400, "has 2 inputs ['a','b']"],
      ["folded", "POST", `{"instances":${rows}}`, 400, "no answer for each of the 2 instances"],
      ["nope", "POST", '{"instances":[1]}', 404, "unknown model: 'nope' is not found"],
      ["iris/versions/2", "POST", '{"instances":[1]}', 404, "version 2 is not found"],
      ["iris/versions/x", "POST", '{"instances":[1]}', 404, "version x is not found"],
      ["..%2f..", "POST", '{"instances":[1]}', 404, "is not found"],
    ];

    it.each(refusals)("refuses %s %s %s", async (model, method, body, status, error) => {
      const reply = await answer(`/v1/models/${model}:predict`, { method, body });
      expect(reply).toEqual([status, { error: expect.stringContaining(error) }]);
    });

    it("refuses explainers, other verbs and other methods", async () => {
      const explain = await answer("/v1/models/iris:explain", { body: "{}" });
      expect(explain).toEqual([501, { error: expect.stringContaining("has no explainer") }]);
      expect((await answer("/v1/models/no:explain", { body: "{}" }))[0]).toBe(404);
      const classify = await answer("/v1/models/iris/versions/1:classify", { body: "{}" });
      expect(classify).toEqual([
        501,
        { error: "model 'iris' does not offer ':classify'; use ':predict'" },
      ]);
      expect((await answer("/v1/models/iris:other"))[0]).toBe(404);
      expect((await answer("/v1/models/iris/metadata"))[0]).toBe(404);
      for (const [path, method, allow] of [
        [iris, "GET", "POST"],
        ["/v1/models/iris:other", "POST", "GET, HEAD"],
        ["/v1/models/iris:explain", "GET", "POST"],
        ["/v1/models/iris", "POST", "GET, HEAD"],
        ["/v1/models", "POST", "GET, HEAD"],
        ["/", "DELETE", "GET, HEAD"],
      ] as const) {
        const reply = await send(path, { method });
        expect([path, reply.status, reply.headers["allow"]]).toEqual([path, 405, allow]);
      }
    });

    it("reads and writes large bodies as small ones", async () => {
      const columns = 100;
      const values = Array.from({ length: 2_000 }, (_, row) =>
        Array.from({ length: columns }, (_, column) => row * columns + column - 99_999),
      );
      const body = JSON.stringify({ instances: values });
      expect(body.length).toBeGreaterThan(1_000_000);
      expect(await predict("longs", body)).toEqual([200, { predictions: values }]);
      const [status, { error }] = await predict("longs", body.replace("99998,", "99998.5,"));
      expect([status, error]).toEqual([400, expect.stringContaining("expected an integer")]);
    });
  });

  describe(`CloudEvents over ${version}`, () => {
    const attributes = { id: "7", source: "/x", specversion: "1.0", type: "t" };
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]),
    );
    const input = { name: "input-0", datatype: "FP32", shape: [1, 4], data: [6.8, 2.8, 4.8, 1.4] };
    const paths = [
      [iris, { instances: [input.data] }, "predictions"],
      ["/v2/models/iris/infer", { inputs: [input] }, "outputs"],
    ] as const;

    it.each(paths)("are answered in their mode on %s", async (path, payload, key) => {
      const body = JSON.stringify(payload);
      const bare = await send(path, { body });
      const binary = await send(path, { body, headers });
      expect([binary.status, binary.text]).toEqual([200, bare.text]);
      expect(binary.headers).toMatchObject({
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-source": "io.kserve.inference.iris",
        "ce-type": "io.kserve.inference.response",
        "ce-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
        "ce-time": expect.stringMatching(/^20\d\d-.*Z$/),
      });
      const whole = await send(path, {
        body: JSON.stringify({ ...attributes, data: payload }),
        headers: { "content-type": "application/cloudevents+json" },
      });
      expect(whole.headers["content-type"]).toBe("application/cloudevents+json");
      expect(whole.json()).toMatchObject({
        source: "io.kserve.inference.iris",
        type: "io.kserve.inference.response",
        data: { [key]: bare.json()[key] },
      });
      const encoded = await send(path, {
        body: JSON.stringify({
          ...attributes,
          data_base64: Buffer.from(body).toString("base64"),
        }),
        headers: { "content-type": "application/cloudevents+json" },
      });
      expect(encoded.json().data).toEqual(bare.json());
    });

    it("are refused as JSON, in KServe's words", async () => {
      const broken = await answer(iris, { body: "{", headers });
      expect(broken).toEqual([
        400,
        { error: expect.stringMatching(/^Failed to decode or parse binary json cloudevent: /) },
      ]);
      const { "ce-type": _, ...incomplete } = headers;
      expect(await answer(iris, { body: "{}", headers: incomplete })).toEqual([
        400,
        { error: "Cloud Event Exceptions: missing required attributes: type" },
      ]);
    });

    it("may be large", async () => {
      const values = Array.from({ length: 20_000 }, (_, row) => [row, row + 1]);
      const body = JSON.stringify({ ...attributes, data: { instances: values } });
      const reply = await send("/v1/models/longs:predict", {
        body,
        headers: { "content-type": "application/cloudevents+json" },
      });
      expect([reply.status, reply.json().data]).toEqual([200, { predictions: values }]);
    });
  });
}
