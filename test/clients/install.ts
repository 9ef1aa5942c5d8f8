import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lastLine, run } from "./program.ts";

/**
 * Clients that are not made of npm packages, each installed into a folder of its own. An
 * installation is used again as long as its marker, which is written last, says the same.
 */

const root = join(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/thaw-clients");
const installMsMax = 300_000;
const markerFile = "installed.txt";

export interface Installed {
  readonly program: string;
  /** Name and version, to be printed. */
  readonly version: string;
}

/** A virtual environment with a package. Rejects with the reason why there is none. */
export async function installPython(
  name: string,
  requirements: readonly string[],
  place = name,
): Promise<Installed> {
  const folder = join(cache, place);
  const program = join(folder, "bin/python");
  const { stdout: python } = await succeed("python3", ["--version"]);
  // The folder is part of it because a virtual environment cannot be moved.
  await once(folder, [folder, python.trim(), ...requirements], async () => {
    await succeed("python3", ["-m", "venv", folder]);
    const pip = ["-m", "pip", "install", "--quiet", "--retries", "2", "--no-input"];
    await succeed(program, [...pip, "--disable-pip-version-check", ...requirements]);
  });
  const query = `from importlib.metadata import version; print(version("${name}"))`;
  const { stdout } = await succeed(program, ["-c", query]);
  return { program, version: `${name} ${stdout.trim()}` };
}

/** A program of a Go module, built by the Go on this machine. Rejects with the reason why not. */
export async function installGo(
  name: string,
  module: string,
  main: string,
  release = "latest",
): Promise<Installed> {
  const folder = join(cache, name);
  const program = join(folder, name);
  const { stdout: go } = await succeed("go", ["version"]);
  await once(folder, [go.trim(), module, release], async () => {
    await succeed("go", ["install", `${main}@${release}`], { GOBIN: folder });
    const built = join(folder, basename(main));
    if (built !== program) renameSync(built, program);
  });
  // A program knows its own version only in the releases that its authors build.
  const { stdout } = await succeed("go", ["version", "-m", program]);
  return { program, version: `${name} ${/\bmod\s+\S+\s+(\S+)/.exec(stdout)?.[1] ?? "unknown"}` };
}

/** A program of Maven's in one file, run by the Java on this machine. Rejects with the reason. */
export async function installJar(
  name: string,
  group: string,
  release: string,
  classifier: string,
): Promise<Installed> {
  const folder = join(cache, name);
  const { stderr: java } = await succeed("java", ["-version"]);
  const artifact = `${group}:${name}:${release}:jar:${classifier}`;
  await once(folder, [java.trim(), artifact], async () => {
    const to = `-DoutputDirectory=${folder}`;
    const options = ["-q", "-B", `-Dartifact=${artifact}`];
    await succeed("mvn", ["dependency:get", ...options, "-Dtransitive=false"]);
    await succeed("mvn", ["dependency:copy", ...options, to]);
  });
  const program = join(folder, `${name}-${release}-${classifier}.jar`);
  return { program, version: `${name} ${release}` };
}

const grpcurlModule = "github.com/fullstorydev/grpcurl";
const healthProbeModule = "github.com/grpc-ecosystem/grpc-health-probe";

export function installGrpcurl(): Promise<Installed> {
  return installGo("grpcurl", grpcurlModule, `${grpcurlModule}/cmd/grpcurl`);
}

export function installHealthProbe(): Promise<Installed> {
  return installGo("grpc-health-probe", healthProbeModule, healthProbeModule);
}

/**
 * A program of a module that `go install` refuses, since its go.mod replaces others or its list of
 * versions cannot be read: built from a module of our own that requires it.
 */
async function buildGo(
  name: string,
  { module, main, release }: { module: string; main: string; release: string },
): Promise<Installed> {
  const folder = join(cache, name);
  const program = join(folder, name);
  const { stdout: go } = await succeed("go", ["version"]);
  await once(folder, [go.trim(), module, release], async () => {
    const own = join(folder, "module");
    mkdirSync(own);
    writeFileSync(join(own, "go.mod"), `module own\ngo 1.24\nrequire ${module} ${release}\n`);
    await succeed("go", ["build", "-C", own, "-mod=mod", "-o", program, main]);
    rmSync(own, { recursive: true });
  });
  return { program, version: `${name} ${release}` };
}

const kserveModule = "github.com/kserve/kserve";

/** KServe's sidecar, and the router of its graphs. */
export function installKserve(name: "agent" | "router"): Promise<Installed> {
  const main = `${kserveModule}/cmd/${name}`;
  return buildGo(name, { module: kserveModule, main, release: "v0.15.2" });
}

/** Knative's queue-proxy. */
export function installQueueProxy(): Promise<Installed> {
  const module = "knative.dev/serving";
  return installGo("queue-proxy", module, `${module}/cmd/queue`, "v0.50.0");
}

/** The curl on this machine, and what it can do. */
export async function findCurl() {
  const { stdout } = await succeed("curl", ["--version"]);
  const [version = "curl unknown", major] = /^curl (\d+)\.\S+/.exec(stdout) ?? [];
  const http2 = /^Features:.*\bHTTP2\b/m.test(stdout);
  // curl 7.88 fails on the second request over such a connection (fixed by curl#10643).
  return { program: "curl", version, http2, http2Reuse: http2 && Number(major) >= 8 };
}

async function once(
  folder: string,
  contents: readonly string[],
  install: () => Promise<void>,
): Promise<void> {
  const marker = join(folder, markerFile);
  const text = `${contents.join("\n")}\n`;
  if (read(marker) === text) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await install();
  writeFileSync(marker, text);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there, or not readable: installed anew either way.
    return undefined;
  }
}

async function succeed(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const ended = await run(command, args, { timeoutMs: installMsMax, env });
  if (ended.code === 0) return ended;
  const reason = lastLine(ended.stderr) || lastLine(ended.stdout) || `exit code ${ended.code}`;
  throw new Error(reason);
}
