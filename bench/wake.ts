import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { firstAnswer } from "./load/first.ts";
import { irisPath } from "./load/models.ts";
import { checkIrisRest, irisRest } from "./load/requests.ts";
import { median } from "./load/rounds.ts";

/**
 * A wake-up from zero, without Kubernetes: a stand-in for Knative's activator holds the request,
 * starts the server, probes it as queue-proxy does, and forwards. What is left when scheduling and
 * the container's start are free: the server's share. `node bench/wake.ts [runs]`.
 */

const runs = Number(process.argv[2] ?? 20);
const [front, back] = [18_094, 18_095];
/** Between two probes of queue-proxy, which the activator's own ask (Knative's pkg/queue/health). */
const probeMs = 50;
const program = join(import.meta.dirname, "../dist/thaw.js");
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Wake {
  readonly child: ChildProcess;
  readonly readyMs: number;
}

let wake: Promise<Wake> | undefined;

function startServer(): ChildProcess {
  const args = ["serve", `iris=${irisPath}`, "--port", String(back), "--host", "127.0.0.1"];
  return spawn(process.execPath, [program, ...args], {
    env: { ...process.env, THAW_LINGER: "0" },
    stdio: "ignore",
  });
}

async function wakeUp(): Promise<Wake> {
  const began = performance.now();
  const child = startServer();
  while (!(await isReady())) await wait(probeMs);
  return { child, readyMs: performance.now() - began };
}

async function isReady(): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${back}/v2/health/ready`);
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}

async function hold(client: Socket): Promise<void> {
  client.pause();
  wake ??= wakeUp();
  await wake;
  const server = connect(back, "127.0.0.1");
  client.pipe(server).pipe(client);
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
}

const activator = createServer((client) => void hold(client)).listen(front, "127.0.0.1");
const question = { kind: "rest", request: irisRest, check: checkIrisRest } as const;
const [woken, direct, ready] = [[], [], []] as [number[], number[], number[]];

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

for (let run = 0; run < runs; run += 1) {
  wake = undefined;
  const asked = performance.now();
  // The stand-in itself never ends.
  await firstAnswer({ exitCode: null } as ChildProcess, { ...question, port: front });
  woken.push(performance.now() - asked);
  const { child, readyMs } = await (wake ?? wakeUp());
  ready.push(readyMs);
  await end(child);

  const began = performance.now();
  const alone = startServer();
  await firstAnswer(alone, { ...question, port: back });
  direct.push(performance.now() - began);
  await end(alone);
}
activator.close();
const [through, own] = [median(woken), median(direct)];
console.log(`medians of ${runs} runs, probes every ${probeMs} ms`);
console.log(`request held → answered       ${through.toFixed(0)} ms`);
console.log(`of it until the probe is right ${median(ready).toFixed(0)} ms`);
console.log(`start → first answer, direct  ${own.toFixed(0)} ms`);
console.log(`the hold over the direct one  ${(through / own).toFixed(2)}`);
