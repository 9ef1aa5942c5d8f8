import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GiB, MiB } from "../../src/domain/limits.ts";
import { http1, http2, inferBody } from "../support/http.ts";
import { identityModel, save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";

/** Compressed bodies, and what they cost the real server. */

let server: TestServer;
const path = "/v2/models/echo/infer";
const gzipped = { "content-encoding": "gzip" };
const count = 300_000;
const numbers = Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index)));
const large = inferBody([{ name: "x", datatype: "FP32", shape: [1, count], data: numbers }]);

function residentBytes(): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** A gibibyte of zeros in gzip: members of 16 MiB, one behind another. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(16 * MiB), { level: 9 });
  return Buffer.concat(Array.from({ length: GiB / (16 * MiB) }, () => member));
}

beforeAll(async () => {
  const echo = save(join(temporaryFolder(), "echo.onnx"), identityModel("FP32"));
  server = await startServer({ args: [`echo=${echo}`, "--workers", "1"] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

for (const [name, send] of [
  ["HTTP/1.1", http1],
  ["HTTP/2", http2],
] as const) {
  describe(`over ${name}`, () => {
    it("a bomb is refused before its memory is taken", async () => {
      await send(server.port, { path, headers: gzipped, body: gzipSync("{}") });
      const before = residentBytes();
      const small = gzipSync(gzipSync(Buffer.alloc(GiB / 4), { level: 9 }), { level: 9 });
      for (const body of [bomb(), gunzipSync(small), bomb()]) {
        const reply = await send(server.port, { path, headers: gzipped, body });
        expect(reply.status).toBe(413);
      }
      // The limit in force is that of a request, 64 MiB.
      expect(residentBytes() - before).toBeLessThan(128 * MiB);
    });

    it("large bodies go and come compressed, in chunks as well", async () => {
      const packed = gzipSync(large);
      const headers = { ...gzipped, "accept-encoding": "gzip" };
      const whole = await send(server.port, { path, headers, body: packed });
      const pieces = [packed.subarray(0, 9), packed.subarray(9)];
      const chunked = await send(server.port, { path, headers, pieces });
      for (const reply of [whole, chunked]) {
        expect(reply.status).toBe(200);
        expect(reply.headers["content-encoding"]).toBe("gzip");
        const answer = JSON.parse(gunzipSync(reply.body).toString());
        expect(answer.outputs[0].data).toEqual(numbers);
      }
    });

    it("the header's length is that of the JSON before it was compressed", async () => {
      const bytes = Buffer.from(new Float32Array(numbers).buffer);
      const input = { name: "x", datatype: "FP32", shape: [1, count] };
      const json = inferBody([{ ...input, parameters: { binary_data_size: bytes.length } }], {
        parameters: { binary_data_output: true },
      });
      const reply = await send(server.port, {
        path,
        headers: {
          ...gzipped,
          "accept-encoding": "gzip",
          "inference-header-content-length": `${json.length}`,
        },
        body: gzipSync(Buffer.concat([Buffer.from(json), bytes])),
      });
      expect(reply.status).toBe(200);
      const length = Number(reply.headers["inference-header-content-length"]);
      expect(gunzipSync(reply.body).subarray(length)).toEqual(bytes);
    });
  });
}
