import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installPython } from "../test/clients/install.ts";
import { temporaryFolder } from "./load/bundle.ts";
import { firstAnswer, type Question } from "./load/first.ts";
import { checkIrisRest, irisRest, predictJson } from "./load/requests.ts";
import { median } from "./load/rounds.ts";

/**
 * Start of the process → first correct answer with the same scikit-learn file: thaw beside MLServer
 * and KServe's Python server, in turn. Each has started once before, so that its files are in
 * memory; thaw converts the model at every start. `node bench/peers.ts [runs]`.
 */

const runs = Number(process.argv[2] ?? 5);
const goal = 30;
const port = 18_096;
const root = join(import.meta.dirname, "..");
const model = join(root, "models/iris-sklearn/model.joblib");
const folder = temporaryFolder();

interface Peer {
  readonly name: string;
  readonly start: () => ChildProcess;
  readonly question: Question;
}

function predicts(body: Buffer): void {
  const { predictions } = JSON.parse(body.toString());
  if (String(predictions) !== "1") throw new Error(`expected label 1: ${body}`);
}

const common = { port, kind: "rest", patient: true } as const;
const instances = '{"instances": [[6.8, 2.8, 4.8, 1.4]]}';
const v1 = { ...common, request: predictJson("iris", instances), check: predicts };
const v2 = { ...common, request: irisRest, check: checkIrisRest };

const children = new Set<ChildProcess>();
// A benchmark that fails leaves no server behind.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

function startThaw(): ChildProcess {
  const args = ["serve", `iris=${model}`, "--port", String(port), "--host", "127.0.0.1"];
  const env = { ...process.env, THAW_LINGER: "0", TMPDIR: mkdtempSync(join(folder, "cold-")) };
  return spawn(process.execPath, [join(root, "dist/thaw.js"), ...args], { env, stdio: "ignore" });
}

async function mlserver(): Promise<Peer> {
  // Its workers do not start with uvloop from 0.22 on.
  const requirements = ["mlserver-sklearn", "uvloop<0.22"];
  const { program, version } = await installPython("mlserver-sklearn", requirements);
  const place = mkdtempSync(join(folder, "mlserver-"));
  copyFileSync(model, join(place, "model.joblib"));
  const ports = { http_port: port, grpc_port: port + 1, metrics_port: port + 2 };
  writeFileSync(join(place, "settings.json"), JSON.stringify({ host: "127.0.0.1", ...ports }));
  const settings = {
    name: "iris",
    implementation: "mlserver_sklearn.SKLearnModel",
    parameters: { uri: "./model.joblib" },
  };
  writeFileSync(join(place, "model-settings.json"), JSON.stringify(settings));
  const start = () =>
    spawn(join(dirname(program), "mlserver"), ["start", place], { stdio: "ignore", cwd: place });
  return { name: version, start, question: v2 };
}

async function kserve(): Promise<Peer> {
  const requirements = ["kserve", "scikit-learn", "joblib"];
  const { program, version } = await installPython("kserve", requirements, "kserve-sklearn");
  const script = join(import.meta.dirname, "load/kserve_sklearn.py");
  const args = [script, model, String(port), String(port + 1)];
  return { name: version, start: () => spawn(program, args, { stdio: "ignore" }), question: v1 };
}

async function time({ start, question }: Peer): Promise<number> {
  const began = performance.now();
  const child = start();
  children.add(child);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await firstAnswer(child, question);
  const took = performance.now() - began;
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(hard);
  children.delete(child);
  return took;
}

const thaw: Peer = { name: "thaw", start: startThaw, question: { ...v2, patient: false } };
const others: Peer[] = [];
for (const install of [mlserver, kserve]) {
  try {
    others.push(await install());
  } catch (error) {
    console.log(`skipped: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
  }
}
const peers = [thaw, ...others];
const took = peers.map(() => [] as number[]);
for (const peer of peers) await time(peer);
for (let run = 0; run < runs; run += 1) {
  for (const [at, peer] of peers.entries()) took[at]?.push(await time(peer));
}
console.log(`start → first right answer, medians of ${runs} runs; over thaw's (goal ≥ ${goal})`);
const own = median(took[0] ?? []);
for (const [at, { name }] of peers.entries()) {
  const ms = median(took[at] ?? []);
  console.log(`${name.padEnd(27)} ${ms.toFixed(0).padStart(6)} ms  ${(ms / own).toFixed(1)}`);
}
