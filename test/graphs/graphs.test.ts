import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcClient } from "../support/grpc.ts";
import { http1 } from "../support/http.ts";
import { save, temporaryFolder } from "../support/models.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { runDirectly } from "./direct.ts";
import { comparable } from "./elements.ts";
import { classical } from "./families/classical.ts";
import { control } from "./families/control.ts";
import { mixing } from "./families/mixing.ts";
import { networks } from "./families/networks.ts";
import { texts } from "./families/texts.ts";
import { types } from "./families/types.ts";
import type { GraphCase } from "./graph.ts";
import { transports } from "./transports.ts";

/**
 * Graphs of every domain of operators that ONNX Runtime's CPU build loads. Over each transport they
 * answer, in every bit, what ONNX Runtime answers when it is asked directly.
 */

const folder = temporaryFolder();
const families = { types, control, texts, classical, mixing, networks };
const served = Object.entries(families).flatMap(([family, cases]) =>
  cases.map((one, index) => ({ ...one, model: `${family}-${index}`, file: one.model })),
);
type Served = (typeof served)[number];

const pathOf = ({ model }: Served) => join(folder, `${model}.onnx`);

async function answersOf(one: Served & Pick<GraphCase, "reference" | "expected">) {
  const { model, file, reference, expected, requests } = one;
  if (expected !== undefined) return expected;
  const path =
    reference === undefined
      ? save(join(folder, `${model}.onnx`), file)
      : save(join(folder, `reference-${model}.onnx`), reference);
  const answers = [];
  for (const inputs of requests) answers.push(await runDirectly(path, inputs));
  return answers;
}

let server: TestServer;
let grpc: GrpcClient;

beforeAll(async () => {
  const sources = served.map((one) => `${one.model}=${save(pathOf(one), one.file)}`);
  server = await startServer({ args: [...sources, "--workers", "1", "--threads", "1"] });
  grpc = new GrpcClient(server.port);
}, 120_000);

afterAll(async () => {
  grpc?.close();
  expect(await server?.stop()).toBe(0);
});

async function settledVerdict(model: string): Promise<string> {
  for (;;) {
    const reply = await http1(server.port, { path: `/v2/models/${model}` });
    const { batching } = reply.json().properties;
    if (batching !== "pending") return batching;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.each(served)("$name", (one) => {
  it("answers over each transport as ONNX Runtime does", async () => {
    const answers = await answersOf(one);
    for (const [index, inputs] of one.requests.entries()) {
      const wanted = answers[index]?.map(comparable);
      for (const [transport, infer] of Object.entries(transports)) {
        const outputs = await infer({ port: server.port, grpc }, one.model, inputs);
        expect(outputs.map(comparable), transport).toEqual(wanted);
      }
    }
  });

  it(`is ${one.verdict}`, async () => {
    const verdict = await settledVerdict(one.model);
    expect(verdict.split(":")[0], verdict).toBe(one.verdict);
  });
});
