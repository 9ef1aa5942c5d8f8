import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Datatype } from "../../src/domain/datatype.ts";
import { GrpcClient } from "../support/grpc.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { type Element, elementsOf, tensor } from "./elements.ts";
import { transports } from "./transports.ts";

/** Models as exporters write them by default (`exported/export.py`), and what Python said of them. */

interface Written {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly Element[];
}

interface Case {
  readonly model: string;
  readonly inputs: readonly Written[];
  readonly outputs: readonly Written[];
}

const folder = join(import.meta.dirname, "exported");
const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));

let server: TestServer;
let grpc: GrpcClient;

beforeAll(async () => {
  const args = cases.map(({ model }) => `${model.replace(".onnx", "")}=${join(folder, model)}`);
  server = await startServer({ args });
  grpc = new GrpcClient(server.port);
});

afterAll(async () => {
  grpc.close();
  await server.stop();
});

describe.each(cases)("$model", ({ model, inputs, outputs }) => {
  it.each(Object.entries(transports))("is answered over %s as in Python", async (_, infer) => {
    const given = inputs.map((one) => tensor(one.name, one.datatype, one.shape, one.data));
    const answer = await infer({ port: server.port, grpc }, model.replace(".onnx", ""), given);
    expect(answer.map(({ name, datatype, shape }) => ({ name, datatype, shape }))).toEqual(
      outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    );
    for (const [index, output] of outputs.entries()) {
      const got = answer[index] === undefined ? [] : elementsOf(answer[index]);
      if (output.datatype !== "FP32") {
        expect(got.map(String)).toEqual(output.data.map(String));
        continue;
      }
      // sklearn's own numbers are of FP64.
      for (const [at, value] of output.data.entries()) {
        expect(Number(got[at])).toBeCloseTo(Number(value), 5);
      }
    }
  });
});
