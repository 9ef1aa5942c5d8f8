import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Buildah, type ImageConfig } from "./image/buildah.ts";
import { checkAgain, checkArm, checkLabels } from "./image/checks.ts";
import { has, run, say } from "./image/command.ts";
import { Container, cgroupsWork } from "./image/container.ts";
import { listing } from "./image/files.ts";
import { answers, checkGrpc, checkRestOverHttp2, load } from "./image/requests.ts";
import { debianRoot, makeDistroless, makeNode } from "./image/stand-ins.ts";

/**
 * Builds the image with buildah and runs it with runc as a strict pod would run it: any uid, a
 * read-only root, no capabilities, 1 CPU or a part of it, 256 MiB. Run as root, after `npm ci`:
 * `node scripts/image-test.ts [runs]`. Base images that cannot be pulled are made on the spot;
 * THAW_IMAGE_DEBIAN names a folder that keeps their Debian between runs, and NODE_OPTIONS_IMAGE
 * replaces the image's own NODE_OPTIONS, to compare.
 */

const project = join(import.meta.dirname, "..");
const image = "localhost/thaw:image-test";
const httpPort = 18_180;
const grpcPort = 18_181;
const runs = Number(process.argv[2] ?? 7);
const requests = 20_000;
const connections = 16;
const imageMBMax = 80;
const memoryMiB = 256;
/** KServe's own end-to-end tests give their models the last. */
const cpuShares = [1, 0.5, 0.1];
/** The hard deadline of a drain, and a little for runc. */
const stopMsMax = 27_000;
const uid = 10_000 + Math.floor(Math.random() * 50_000);

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "root";
  if (!has("buildah") || !has("runc")) return "buildah and runc";
  return undefined;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The base images that the Dockerfile names, each there afterwards; says which are stand-ins. */
function provideBases(buildah: Buildah, folder: string): string {
  const dockerfile = readFileSync(join(project, "Dockerfile"), "utf8");
  const named = [...dockerfile.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)].map(([, name = ""]) => name);
  const [node = "", distroless = ""] = named;
  const made: string[] = [];
  let debian: string | undefined;
  for (const [name, make] of [[node, makeNode] as const, [distroless, makeDistroless] as const]) {
    if (buildah.pull(name)) continue;
    if (debian === undefined && !has("debootstrap")) throw new Error("debootstrap is missing");
    debian ??= debianRoot(folder);
    make(buildah, name, debian);
    made.push(name);
  }
  say("base", `${distroless}${made.includes(distroless) ? " (a stand-in made here)" : ""}`);
  return distroless;
}

/** What npm inside the build stage needs of this machine's configuration: never credentials. */
function npmVolumes(folder: string): string[] {
  const setting = (key: string) => run("npm", ["config", "get", key], { cwd: project }).trim();
  const given = (value: string) => !["", "null", "undefined"].includes(value);
  const keys = ["registry", "proxy", "https-proxy", "noproxy", "strict-ssl"];
  const lines = keys.flatMap((key) => {
    const value = setting(key);
    return given(value) ? [`${key}=${value}`] : [];
  });
  const file = join(folder, "npmrc");
  const volumes = [`${file}:/root/.npmrc`];
  const cafile = given(setting("cafile")) ? setting("cafile") : process.env["NODE_EXTRA_CA_CERTS"];
  if (cafile !== undefined && existsSync(cafile)) {
    lines.push("cafile=/run/npm-ca.pem");
    volumes.push(`${cafile}:/run/npm-ca.pem`);
  }
  writeFileSync(file, `${lines.join("\n")}\n`);
  return volumes;
}

function reportSizes(buildah: Buildah, base: string): void {
  const below = buildah.layers(base);
  const all = buildah.layers(image);
  const shared = new Set(below.map(({ digest }) => digest));
  const megabytes = (layers: readonly { bytes: number }[]) =>
    layers.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const total = megabytes(all);
  const app = megabytes(all.filter(({ digest }) => !shared.has(digest)));
  const parts = `app layers ${app.toFixed(1)}, base ${(total - app).toFixed(1)}`;
  say("image, compressed (gzip)", `${total.toFixed(1)} MB: ${parts}; goal ${imageMBMax}`);
  if (total > imageMBMax) throw new Error(`the image has more than ${imageMBMax} MB`);
}

interface Stage {
  readonly folder: string;
  readonly rootfs: string;
  readonly image: ImageConfig;
  readonly limited: boolean;
}

let containers = 0;

interface Launch {
  readonly env?: readonly string[];
  readonly cpus?: number;
  /** A folder for /mnt/models. */
  readonly models?: string;
}

function start(stage: Stage, argv: readonly string[], launch: Launch = {}) {
  const { env = [], cpus = 1, models } = launch;
  containers += 1;
  const id = `thaw-image-test-${process.pid}-${containers}`;
  return new Container({ ...stage, id, argv, env, models, uid, memoryMiB, cpus });
}

function serve(stage: Stage, launch: Launch = {}): Container {
  const args = ["--model_name=iris", "--model_dir=/mnt/models", `--http_port=${httpPort}`];
  return start(stage, [...stage.image.argv, ...args, `--grpc_port=${grpcPort}`], {
    ...launch,
    models: join(project, "models/iris"),
  });
}

async function firstAnswer(container: Container): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await answers(httpPort))) {
    if (container.ended) throw new Error(`thaw ended:\n${container.log}`);
    if (performance.now() > deadline) throw new Error(`no answer in 30 s:\n${container.log}`);
    await wait(1);
  }
}

/** From the call of runc to the first right answer, beside a bare start of node in the same image. */
async function timeStarts(stage: Stage, cpus: number): Promise<void> {
  const starts: number[] = [];
  const bare: number[] = [];
  for (let turn = 0; turn < runs; turn += 1) {
    const before = performance.now();
    const empty = start(stage, ["/nodejs/bin/node", "-e", "0"], { cpus });
    const code = await empty.exit();
    bare.push(performance.now() - before);
    if (code !== 0) throw new Error(`a bare node ended with ${code}:\n${empty.log}`);
    await empty.remove();
    const began = performance.now();
    const container = serve(stage, { env: ["THAW_LINGER=0"], cpus });
    try {
      await firstAnswer(container);
      starts.push(performance.now() - began);
      const { code } = await container.stop(stopMsMax);
      if (code !== 0) throw new Error(`SIGTERM after the first answer: exit code ${code}`);
    } finally {
      await container.remove();
    }
  }
  const [first, node] = [median(starts), median(bare)];
  const figure = `${first.toFixed(0)} ms, ${(first / node).toFixed(1)} of a bare node's`;
  say(`first right answer, ${cpus} CPU`, `${figure} ${node.toFixed(0)}; medians of ${runs}`);
}

function checkPrivileges(container: Container): void {
  const { Uid, CapEff, CapBnd, NoNewPrivs, Seccomp } = container.privileges();
  const held = [Uid === String(uid), NoNewPrivs === "1"];
  const bare = [CapEff, CapBnd].every((mask) => mask !== undefined && /^0+$/.test(mask));
  if (held.includes(false) || !bare) throw new Error("the container runs with more than it needs");
  const filter = Seccomp === "2" ? "RuntimeDefault" : "none";
  say("runs as", `uid ${uid}, read-only root, no capabilities, seccomp ${filter}`);
}

async function checkOneLife(stage: Stage): Promise<void> {
  const models = join(project, "models/iris");
  const before = [...listing(stage.rootfs), ...listing(models)];
  const container = serve(stage);
  try {
    await firstAnswer(container);
    const volatile = container.volatileFiles();
    checkPrivileges(container);
    await wait(1_000);
    const idle = container.residentMiB();
    await checkRestOverHttp2(grpcPort);
    await checkGrpc(grpcPort);
    await checkRestOverHttp2(httpPort);
    await checkGrpc(httpPort);
    say("REST, REST over h2c, gRPC", "answered on both ports");
    const rate = await load(httpPort, requests, connections);
    const loaded = container.residentMiB();
    const rate2 = await load(httpPort, requests, connections);
    const sizes = `idle ${idle.toFixed(0)} MiB, after ${requests} requests ${loaded.toFixed(0)}`;
    say("resident memory", `${sizes}, after ${2 * requests} ${container.residentMiB().toFixed(0)}`);
    say("requests", `${rate.toFixed(0)}/s, then ${rate2.toFixed(0)}/s; ${connections} connections`);
    if (container.writtenBytes() !== 0) throw new Error("thaw wrote to a disk");
    const left = container.volatileFiles().filter((path) => !volatile.includes(path));
    if (left.length > 0) throw new Error(`thaw left files behind: ${left.join(", ")}`);
    const { code, tookMs } = await container.stop(stopMsMax);
    if (code !== 0) throw new Error(`SIGTERM: exit code ${code}\n${container.log}`);
    say("SIGTERM", `exit 0 after ${(tookMs / 1_000).toFixed(1)} s, linger included`);
  } finally {
    await container.remove();
  }
  const after = [...listing(stage.rootfs), ...listing(models)];
  if (before.join() !== after.join()) throw new Error("files of the image or the model changed");
  say("writes", "none");
}

/** The Dockerfile that k8s/README.md shows, of an image that carries its model. */
async function checkCarrying(buildah: Buildah, stage: Stage): Promise<void> {
  const page = readFileSync(join(project, "k8s/README.md"), "utf8");
  const [, lines = ""] = /^```dockerfile\n(.*?)^```/ms.exec(page) ?? [];
  const context = mkdtempSync(join(stage.folder, "carrying-"));
  writeFileSync(join(context, "Dockerfile"), lines.replace(/^FROM .*/m, `FROM ${image}`));
  const model = join(project, "models/iris-sklearn/model.joblib");
  copyFileSync(model, join(context, "model.joblib"));
  const carrying = `${image}-carrying`;
  buildah.build(carrying, { context, volumes: [] });
  const name = `thaw-image-test-carrying-${process.pid}`;
  const rootfs = buildah.mount(carrying, name);
  const argv = [...stage.image.argv, `--port=${httpPort}`];
  const container = start({ ...stage, rootfs }, argv);
  try {
    await firstAnswer(container);
    const baked = listing(join(rootfs, "app/models/iris/.thaw/converted"));
    if (baked.length !== 2) throw new Error(`baked: ${baked.join(", ")}`);
  } finally {
    await container.remove();
    buildah.unmount(name);
  }
  say("with its model in the image", "answered, from what was baked");
}

async function test(folder: string): Promise<void> {
  const buildah = new Buildah(folder);
  const base = provideBases(buildah, folder);
  const build = { context: project, volumes: npmVolumes(folder) };
  buildah.build(image, build);
  reportSizes(buildah, base);
  checkAgain(buildah, image, build);
  const limited = cgroupsWork();
  const instead = "bound to one CPU; no cgroups here, so memory is not limited";
  say("limits", limited ? `1 CPU, ${memoryMiB} MiB (cgroup)` : instead);
  const told = buildah.config(image);
  if (!/^\d+$/.test(told.user)) throw new Error(`USER is to be numeric, not "${told.user}"`);
  const options = process.env["NODE_OPTIONS_IMAGE"];
  const others = told.env.filter((pair) => !pair.startsWith("NODE_OPTIONS="));
  const config =
    options === undefined ? told : { ...told, env: [...others, `NODE_OPTIONS=${options}`] };
  say("NODE_OPTIONS", config.env.find((pair) => pair.startsWith("NODE_OPTIONS="))?.slice(13) ?? "");
  const name = `thaw-image-test-${process.pid}`;
  const stage = { folder, rootfs: buildah.mount(image, name), image: config, limited };
  try {
    for (const cpus of limited ? cpuShares : [1]) await timeStarts(stage, cpus);
    await checkOneLife(stage);
    await checkCarrying(buildah, stage);
    checkLabels(config, stage.rootfs);
    checkArm(buildah, image, build);
  } finally {
    buildah.unmount(name);
  }
}

const lacking = missing();
if (lacking === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "thaw-image-"));
  try {
    await test(folder);
  } finally {
    // Only what lies in this folder, and nothing that is mounted into it.
    spawnSync("rm", ["-rf", "--one-file-system", folder]);
  }
} else {
  process.stdout.write(`image-test: skipped, it needs ${lacking}\n`);
}
