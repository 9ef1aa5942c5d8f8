import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { kubectl } from "./cluster/kubectl.ts";
import { podPhases } from "./cluster/phases.ts";
import { serviceFor } from "./cluster/service.ts";

/**
 * The seed experiment on the cluster of the current kubeconfig, which has KServe and Knative: the
 * Iris model of scikit-learn, deployed by the manifest, asked over V1, V2 and gRPC, left alone until
 * it is at zero, and woken; then the same with KServe's own server. Cleans up behind itself.
 *
 * node scripts/e2e.ts --image NAME:TAG [--namespace thaw-e2e] [--no-baseline] [--keep]
 */

const { values } = parseArgs({
  allowNegative: true,
  options: {
    image: { type: "string" },
    namespace: { type: "string", default: "thaw-e2e" },
    baseline: { type: "boolean", default: true },
    keep: { type: "boolean", default: false },
  },
});
const { namespace } = values;
const image = values.image ?? fail("--image is missing: the name under which you pushed thaw");
const readyMsMax = 300_000;
const idleMsMax = 300_000;
/** Shortened in tests. */
const pauseMs = Number(process.env["THAW_E2E_PAUSE_MS"] ?? 2_000);
const client = readFileSync(join(import.meta.dirname, "cluster/client.mjs"), "utf8");

try {
  await main();
} catch (error) {
  process.stderr.write(`e2e: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  if (!values.keep) await cleanUp();
}

async function main(): Promise<void> {
  await kubectl(["get", "crd", "inferenceservices.serving.kserve.io"]).catch((error: Error) => {
    throw new Error(`this cluster has no KServe (${error.message})`);
  });
  await kubectl(["create", "namespace", namespace]);
  await kubectl(["apply", "-n", namespace, "-f", "-"], runtimeManifest());
  say("runtime", `ServingRuntime thaw in ${namespace}, image ${image}`);
  await observe("thaw");
  if (!values.baseline) return;
  const there = await kubectl(["get", "clusterservingruntime", "kserve-sklearnserver"]).then(
    () => true,
    () => false,
  );
  if (there) await observe("kserve-sklearnserver");
  else say("kserve-sklearnserver", "skipped: this cluster does not have it");
}

/** As a runtime of the namespace, so that nothing of the cluster's is touched. */
function runtimeManifest(): string {
  const path = join(import.meta.dirname, "../k8s/runtimes/thaw.yaml");
  return readFileSync(path, "utf8")
    .replace("kind: ClusterServingRuntime", "kind: ServingRuntime")
    .replace(/image: thaw:\S+/, `image: ${image}`);
}

async function observe(runtime: string): Promise<void> {
  const name = runtime === "thaw" ? "iris-thaw" : "iris-kserve";
  await kubectl(["apply", "-n", namespace, "-f", "-"], serviceFor(name, runtime));
  await kubectl([
    ...["wait", "-n", namespace, "--for=condition=Ready", `isvc/${name}`],
    `--timeout=${readyMsMax / 1_000}s`,
  ]);
  const first = await ask(name);
  say(runtime, `answers ${JSON.stringify(first)}`);
  await untilZero(name);
  say(runtime, "is at zero");
  const woken = await ask(name);
  say(runtime, `woken: first answer after ${woken.firstMs} ms, seen from inside the cluster`);
  const label = `serving.kserve.io/inferenceservice=${name}`;
  const pods = await kubectl(["get", "pods", "-n", namespace, "-l", label, "-o", "json"]);
  for (const { phase, seconds } of podPhases(pods)?.phases ?? []) {
    say(runtime, `  ${phase} ${seconds} s after the pod was created`);
  }
}

interface Asked {
  readonly v1: readonly number[];
  readonly v2: readonly number[];
  readonly grpc: boolean | string;
  readonly firstMs: number;
}

async function ask(name: string): Promise<Asked> {
  const host = `${name}-predictor.${namespace}.svc.cluster.local`;
  const output = await kubectl([
    ...["run", `${name}-client`, "-n", namespace, "--rm", "--attach", "--quiet"],
    ...["--restart=Never", `--image=${image}`, "--command", "--"],
    ...["node", "--input-type=module", "-e", client, host, name],
  ]);
  const asked: Asked = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1));
  const right = String([1, 1]);
  if (String(asked.v1) !== right || String(asked.v2.map(Number)) !== right) {
    throw new Error(`${name} answers ${output.trim()}, expected labels ${right}`);
  }
  return asked;
}

async function untilZero(name: string): Promise<void> {
  const label = `serving.kserve.io/inferenceservice=${name},component=predictor`;
  const until = performance.now() + idleMsMax;
  while (performance.now() < until) {
    const pods = await kubectl(["get", "pods", "-n", namespace, "-l", label, "-o", "name"]);
    if (pods.trim() === "") return;
    await wait(pauseMs);
  }
  throw new Error(`${name} is not at zero after ${idleMsMax / 1_000} s`);
}

async function cleanUp(): Promise<void> {
  await kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]).catch(
    (error: Error) => process.stderr.write(`e2e: ${error.message}\n`),
  );
}

function say(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(22)} ${text}\n`);
}

function fail(reason: string): never {
  process.stderr.write(`e2e: ${reason}\n`);
  process.exit(2);
}
