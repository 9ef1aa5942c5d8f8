import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Start of the process → first correct prediction over HTTP, its value compared; interleaved with a
 * bare start of Node. `node bench/cold.ts [runs] [cpu]`: with a CPU, both are pinned to that one
 * (by `taskset`), and the client has the others.
 */

const runs = Number(process.argv[2] ?? 20);
const port = 18_099;
const cpu = process.argv[3];
const goal = cpu === undefined ? 4 : 8;
const program = join(import.meta.dirname, "../dist/thaw.js");
const model = join(import.meta.dirname, "../models/iris/model.onnx");
const body = JSON.stringify({
  inputs: [{ name: "input-0", shape: [1, 4], datatype: "FP32", data: [6.8, 2.8, 4.8, 1.4] }],
});
const request = [
  "POST /v2/models/iris/infer HTTP/1.1",
  "Host: localhost",
  "Connection: close",
  `Content-Length: ${body.length}`,
  "",
  body,
].join("\r\n");

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Starts Node with these arguments, on the one CPU if there is one. */
function node(args: readonly string[], env = process.env): ChildProcess {
  const options = { env, stdio: "ignore" } as const;
  if (cpu === undefined) return spawn(process.execPath, args, options);
  return spawn("taskset", ["-c", cpu, process.execPath, ...args], options);
}

async function bareStart(): Promise<number> {
  const start = performance.now();
  await ended(node(["-e", "0"]));
  return performance.now() - start;
}

async function coldStart(): Promise<number> {
  const cache = mkdtempSync(join(tmpdir(), "thaw-cold-"));
  const start = performance.now();
  const child = node(
    [program, "serve", `iris=${model}`, "--port", String(port), "--host", "127.0.0.1"],
    { ...process.env, THAW_LINGER: "0", TMPDIR: cache },
  );
  const exit = ended(child);
  let answer: string | undefined;
  while (answer === undefined) {
    if (child.exitCode !== null) throw new Error(`thaw ended with ${child.exitCode}`);
    answer = await predict();
    if (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const took = performance.now() - start;
  const label: unknown = JSON.parse(answer).outputs[0].data[0];
  if (label !== 1) throw new Error(`expected label 1, got ${answer}`);
  child.kill("SIGTERM");
  await exit;
  rmSync(cache, { recursive: true });
  return took;
}

/** The answer's body, or `undefined` while the port is closed. */
function predict(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let text = "";
    socket.on("connect", () => socket.write(request));
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
    });
    socket.on("end", () => resolve(text.slice(text.indexOf("\r\n\r\n") + 4)));
    socket.on("error", () => resolve(undefined));
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const bare: number[] = [];
const cold: number[] = [];
for (let run = 0; run < runs; run += 1) {
  bare.push(await bareStart());
  cold.push(await coldStart());
}
const ratio = median(cold) / median(bare);
console.log(`bare node   ${median(bare).toFixed(1)} ms (median of ${runs})`);
console.log(`first answer ${median(cold).toFixed(1)} ms, from ${Math.min(...cold).toFixed(1)}`);
console.log(
  `ratio ${ratio.toFixed(2)} (goal ≤ ${goal}, ${cpu === undefined ? availableParallelism() : 1} CPUs)`,
);
