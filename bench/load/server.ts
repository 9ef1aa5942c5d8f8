import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A server in a process of its own, and what Linux says of that process. */

export interface Server {
  readonly port: number;
  /** User and system time so far. */
  cpuMs(): number;
  residentBytes(): number;
  sockets(): number;
  threads(): number;
  /** Ends it by SIGTERM; resolves with its exit code or signal. */
  stop(): Promise<number | NodeJS.Signals>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The CPUs to run on, in the words of taskset. */
  readonly cpus?: string | undefined;
}

const logBytesKept = 8_192;
/** Linux tells times in ticks of 1/100 s on every architecture (USER_HZ). */
const tickMs = 10;

const children = new Set<ChildProcess>();
// A benchmark that fails leaves no server behind.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
// A signal alone would end the process without its exit event.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(1));
}

/** A Node process on the given CPUs, ended with this one. */
export function spawnNode(
  words: readonly string[],
  { env = {}, cpus }: StartOptions,
  stdio: "ipc" | "pipe",
): ChildProcess {
  const node = [process.execPath, ...words];
  const [program = "", ...args] = cpus === undefined ? node : ["taskset", "-c", cpus, ...node];
  const child = spawn(program, args, {
    env: { ...process.env, THAW_LINGER: "0", THAW_PORT: "0", ...env },
    stdio: ["ignore", "ignore", stdio === "pipe" ? "pipe" : "inherit", ...ipc(stdio)],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function ipc(stdio: "ipc" | "pipe"): "ipc"[] {
  return stdio === "ipc" ? ["ipc"] : [];
}

/** Starts a program that says `"ports":[N` on stderr when it serves, as thaw does. */
export async function startServer(
  words: readonly string[],
  options: StartOptions = {},
): Promise<Server> {
  const child = spawnNode(words, options, "pipe");
  let log = "";
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? -1));
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr?.on("data", (piece) => {
      log = (log + piece).slice(-logBytesKept);
      const ports = /"event":"serving","ports":\[(\d+)/.exec(log);
      if (ports !== null) resolve(Number(ports[1]));
    });
    const early = (code: number | NodeJS.Signals) => {
      reject(new Error(`the server ended with ${code}: ${log}`));
    };
    ended.then(early, reject);
  });
  const pid = child.pid ?? 0;
  return {
    port,
    cpuMs: () => cpuMs(pid),
    residentBytes: () => statusField(pid, "VmRSS") * 1_024,
    threads: () => statusField(pid, "Threads"),
    sockets: () => sockets(pid),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** What all processes together have used of all CPUs; the first line of /proc/stat. */
export function machineCpuMs(): number {
  const [total = ""] = readFileSync("/proc/stat", "latin1").split("\n");
  const [user = 0, nice = 0, system = 0] = total.split(/\s+/).slice(1).map(Number);
  return (user + nice + system) * tickMs;
}

/** proc(5): fields 14 and 15 of stat; the second, a name in brackets, may have spaces in it. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function statusField(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
}

function sockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith("socket:");
    } catch {
      // Closed while the folder was read.
      return false;
    }
  }).length;
}
