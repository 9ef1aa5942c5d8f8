import { join } from "node:path";
import { copyBundle } from "./load/bundle.ts";
import { Generator } from "./load/generate.ts";
import { irisPath } from "./load/models.ts";
import { compare, figuresText, goalText } from "./load/rounds.ts";
import { startServer } from "./load/server.ts";

/**
 * Iris through REST and gRPC, one worker, against a static answer of the same stack, in turn. Run
 * as `node bench/hot.ts [rounds] [--pin]`; pinned, the servers have CPU 0 and the clients CPU 1.
 */

const words = process.argv.slice(2);
const rounds = Number(words.find((word) => !word.startsWith("--")) ?? 5);
const pinned = words.includes("--pin");
const counts = [1, 8, 64, 256];
const goals: Readonly<Record<number, number>> = { 64: 0.6 };
const plan = { rounds, roundMs: 1_000 };
const cpus = pinned ? "0" : undefined;

const program = copyBundle();
const generator = new Generator(pinned ? "1" : undefined);
const thaw = await startServer(
  [program, "serve", `iris=${irisPath}`, "--workers", "1", "--host", "127.0.0.1"],
  { cpus },
);
console.log(`requests/s of thaw over a static answer; medians of ${rounds} rounds of 1 s`);
for (const kind of ["rest", "grpc"] as const) {
  const { first } = await generator.openIris(kind, thaw.port, 1);
  const answer = kind === "rest" ? first.toString() : first.subarray(5).toString("base64");
  const fixed = await startServer([join(import.meta.dirname, `load/static-${kind}.ts`), answer], {
    cpus,
  });
  for (const count of counts) {
    const { first, second, ratio } = await compare(
      { server: thaw, clients: await generator.openIris(kind, thaw.port, count) },
      { server: fixed, clients: await generator.openIris(kind, fixed.port, count) },
      plan,
    );
    const goal = goals[count];
    const ratioText = goal === undefined ? ratio.toFixed(2) : goalText(ratio, goal);
    console.log(`${kind} ${String(count).padStart(3)} clients  ratio ${ratioText}`);
    console.log(`  thaw    ${figuresText(first)}`);
    console.log(`  static  ${figuresText(second)}`);
  }
  await fixed.stop();
}
await thaw.stop();
generator.close();
