import { join } from "node:path";
import { copyBundle } from "./load/bundle.ts";
import { Generator } from "./load/generate.ts";
import { irisPath } from "./load/models.ts";
import { irisRest, restJson } from "./load/requests.ts";
import { compare, figuresText } from "./load/rounds.ts";
import { startServer } from "./load/server.ts";

/**
 * A row of Iris through V2 JSON to the scikit-learn model and to the ONNX model of one server, in
 * turn: what a file of scikit-learn costs more. Run as `node bench/tabular.ts [rounds]`.
 */

const rounds = Number(process.argv[2] ?? 9);
const goal = 1.3;
const sklearnPath = join(import.meta.dirname, "../models/iris-sklearn/model.joblib");
const row = { name: "x", datatype: "FP32", shape: [1, 4], data: [6.8, 2.8, 4.8, 1.4] };
const request = restJson("flowers", JSON.stringify({ inputs: [row] }));

const generator = new Generator();
const words = ["serve", `iris=${irisPath}`, `flowers=${sklearnPath}`, "--workers", "1"];
const server = await startServer([copyBundle(), ...words, "--host", "127.0.0.1"]);
console.log(`cost of a row, scikit-learn over ONNX; medians of ${rounds} rounds of 1 s`);
for (const clients of [1, 64]) {
  const target = { kind: "rest", port: server.port, clients } as const;
  const { first, second, ratio } = await compare(
    { server, clients: await generator.open(target, irisRest) },
    { server, clients: await generator.open(target, request) },
    { rounds, roundMs: 1_000 },
  );
  const verdict = `(goal ≤ ${goal}${ratio <= goal ? "" : ", missed"})`;
  console.log(`${clients} clients  ratio ${ratio.toFixed(2)} ${clients === 1 ? verdict : ""}`);
  console.log(`  ONNX          ${figuresText(first)}`);
  console.log(`  scikit-learn  ${figuresText(second)}`);
}
await server.stop();
generator.close();
