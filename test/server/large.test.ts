import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { http1, http2, inferBody } from "../support/http.ts";
import { identityModel, save, temporaryFolder } from "../support/models.ts";
import { irisModel, startServer, type TestServer } from "../support/server.ts";

/** Bodies that are decoded and encoded in slices, by the real server. */

let server: TestServer;
const path = "/v2/models/echo/infer";
const rows = 920;
const columns = 1_000;
const shape = [rows, columns];
const numbers = Array.from({ length: rows * columns }, (_, index) => Math.sin(index) * 10);
const floats = Float32Array.from(numbers);
const bytes = Buffer.from(floats.buffer);
const nested = Array.from({ length: rows }, (_, row) =>
  numbers.slice(row * columns, (row + 1) * columns),
);
const asBinary = { parameters: { binary_data_output: true } };
const body = (data: unknown, rest: object = asBinary) =>
  inferBody([{ name: "x", datatype: "FP32", shape, data }], rest);

beforeAll(async () => {
  const folder = temporaryFolder();
  const echo = save(join(folder, "echo.onnx"), identityModel("FP32"));
  const texts = save(join(folder, "texts.onnx"), identityModel("BYTES"));
  const served = [`echo=${echo}`, `texts=${texts}`, `iris=${irisModel}`];
  server = await startServer({ args: [...served, "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

for (const [name, send] of [
  ["HTTP/1.1", http1],
  ["HTTP/2", http2],
] as const) {
  describe(`17 MB of floats over ${name}`, () => {
    it("are the same flat, nested and binary", async () => {
      const flat = body(numbers);
      expect(flat.length).toBeGreaterThan(17_000_000);
      const input = {
        name: "x",
        datatype: "FP32",
        shape,
        parameters: { binary_data_size: bytes.length },
      };
      const head = Buffer.from(inferBody([input], asBinary));
      const headers = { "inference-header-content-length": `${head.length}` };
      for (const reply of [
        await send(server.port, { path, body: flat }),
        await send(server.port, { path, body: body(nested) }),
        await send(server.port, { path, body: Buffer.concat([head, bytes]), headers }),
      ]) {
        expect(reply.status).toBe(200);
        const length = Number(reply.headers["inference-header-content-length"]);
        expect(Buffer.compare(reply.body.subarray(length), bytes)).toBe(0);
      }
    });

    it("come back as JSON", async () => {
      const reply = await send(server.port, { path, body: body(numbers, {}) });
      expect(reply.status).toBe(200);
      expect(reply.headers["content-type"]).toBe("application/json");
      expect(Number(reply.headers["content-length"])).toBe(reply.body.length);
      const [output] = reply.json().outputs;
      expect(output.shape).toEqual(shape);
      expect(Buffer.compare(Buffer.from(Float32Array.from(output.data).buffer), bytes)).toBe(0);
    });

    it("are refused in the words for small ones", async () => {
      const bad = body(numbers.with(numbers.length - 1, 1e39));
      const beyond = await send(server.port, { path, body: bad });
      expect([beyond.status, beyond.json().error]).toEqual([
        400,
        "Unable to parse 'data': element 919999 of input 'x' is 1e+39, " +
          "expected a number within the range of FP32",
      ]);
      const open = body(numbers).slice(0, -1);
      const broken = await send(server.port, { path, body: open });
      expect([broken.status, broken.json().error]).toEqual([
        400,
        "failed to parse the request JSON buffer: expected ',' or '}' at character " +
          `${open.length}, but the text ends`,
      ]);
    });
  });
}

describe("large texts", () => {
  it("come back with every character", async () => {
    const strings = ["🦙é\n".repeat(100_000), "", '"\\'.repeat(50_000)];
    const inputs = [{ name: "x", datatype: "BYTES", shape: [1, 3], data: [strings] }];
    const reply = await http1(server.port, {
      path: "/v2/models/texts/infer",
      body: inferBody(inputs),
    });
    expect(reply.json().outputs[0].data).toEqual(strings);
  });
});

describe("many at once", () => {
  it("are all answered, and small ones with them", async () => {
    const flat = body(numbers);
    const iris = inferBody([
      { name: "input-0", datatype: "FP32", shape: [1, 4], data: [6.8, 2.8, 4.8, 1.4] },
    ]);
    const large = Array.from({ length: 5 }, () => http1(server.port, { path, body: flat }));
    const small = Array.from({ length: 20 }, () =>
      http1(server.port, { path: "/v2/models/iris/infer", body: iris }),
    );
    for (const reply of await Promise.all([...large, ...small])) expect(reply.status).toBe(200);
  });

  it("are given up when their clients go", async () => {
    const flat = body(numbers);
    const gone = Array.from(
      { length: 6 },
      (_, index) =>
        new Promise<void>((resolve) => {
          const call = request({
            host: "127.0.0.1",
            port: server.port,
            path,
            method: "POST",
            headers: { "content-length": flat.length },
            agent: false,
          });
          call.on("error", () => resolve());
          call.on("close", () => resolve());
          // Sent whole, and gone while it is read, scanned, or waits for that.
          call.end(flat, () => setTimeout(() => call.destroy(), 10 * index));
        }),
    );
    await Promise.all(gone);
    expect((await http1(server.port, { path, body: body(nested) })).status).toBe(200);
    const late = await http1(server.port, {
      path,
      body: flat,
      headers: { "x-request-timeout-ms": "1" },
    });
    expect(late.status).toBe(504);
  });
});
