import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ImageConfig } from "./buildah.ts";
import { pathsBelow } from "./files.ts";
import { runtimeDefault } from "./seccomp.ts";

const cgroupRoot = "/sys/fs/cgroup";
const MiB = 1_048_576;

export interface ContainerOptions {
  readonly id: string;
  /** The image's files; they are mounted read-only. */
  readonly rootfs: string;
  readonly image: ImageConfig;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** A folder of this machine, mounted read-only at /mnt/models. */
  readonly models?: string | undefined;
  readonly uid: number;
  /** Where the bundle, runc's state and the log are kept. */
  readonly folder: string;
  readonly memoryMiB: number;
  /** At most this share of a CPU's time. */
  readonly cpus: number;
  /** Whether control groups hold it to its CPUs and its memory; else it is only bound to one CPU. */
  readonly limited: boolean;
}

const guarded = ["nosuid", "noexec", "nodev"];

/** A folder of this machine, which may only be read there. */
function bound(source: string, destination: string): object {
  return { destination, type: "bind", source, options: [...guarded, "rbind", "ro"] };
}

/** Whether this machine lets us make control groups with a limit of memory and CPU. */
export function cgroupsWork(): boolean {
  const v2 = existsSync(join(cgroupRoot, "cgroup.controllers"));
  for (const controller of v2 ? [""] : ["memory", "cpu"]) {
    const probe = join(cgroupRoot, controller, `thaw-image-probe-${process.pid}`);
    try {
      mkdirSync(probe);
      const limit = v2 ? "memory.max" : "memory.limit_in_bytes";
      if (controller !== "cpu") writeFileSync(join(probe, limit), String(256 * MiB));
    } catch {
      return false;
    } finally {
      if (existsSync(probe)) rmdirSync(probe);
    }
  }
  return true;
}

/** One container of runc, held as a strict pod would hold it: a share of one CPU, nothing to write to. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #bundle: string;
  readonly #logFile: string;
  readonly #process: ChildProcess;
  readonly #exit: Promise<number | null>;

  /** Starts it; runc stays its parent and ends with its exit code. */
  constructor(options: ContainerOptions) {
    this.#options = options;
    this.#bundle = join(options.folder, options.id);
    this.#logFile = join(this.#bundle, "log");
    mkdirSync(this.#bundle, { recursive: true });
    writeFileSync(join(this.#bundle, "config.json"), JSON.stringify(this.#spec()));
    const log = openSync(this.#logFile, "w");
    const files = ["--bundle", this.#bundle, "--pid-file", join(this.#bundle, "pid")];
    const [program = "", ...args] = [
      ...(options.limited ? [] : ["taskset", "-c", "0"]),
      ...this.#runc("run"),
      ...files,
      options.id,
    ];
    this.#process = spawn(program, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.#process.once("exit", resolve);
    this.#process.once("error", () => resolve(null));
    this.#exit = promise;
  }

  get log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Resolves with the exit code of the program. */
  async exit(): Promise<number | null> {
    return await this.#exit;
  }

  /** Resident memory of its process, in MiB. */
  residentMiB(): number {
    return Number(this.#proc("status", /^VmRSS:\s+(\d+)/m)) / 1024;
  }

  /** Bytes that its process has caused to be written to a disk. */
  writtenBytes(): number {
    return Number(this.#proc("io", /^write_bytes: (\d+)/m));
  }

  /** What lies in the memory file systems that every container has. */
  volatileFiles(): string[] {
    return pathsBelow(`/proc/${this.#pid}/root/dev`);
  }

  /** What its process may really do, as the kernel tells it. */
  privileges(): Readonly<Record<string, string>> {
    const status = readFileSync(`/proc/${this.#pid}/status`, "utf8");
    const lines = status.matchAll(/^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):\s+(\S+)/gm);
    return Object.fromEntries([...lines].map(([, key = "", value = ""]) => [key, value]));
  }

  /** SIGTERM; resolves with the exit code, which is null when it did not end in time. */
  async stop(withinMs: number): Promise<{ readonly code: number | null; readonly tookMs: number }> {
    const start = performance.now();
    this.#call("kill", this.#options.id, "TERM");
    const late = new AbortController();
    const timeout = wait(withinMs, null, { signal: late.signal }).catch(() => null);
    const code = await Promise.race([this.#exit, timeout]);
    late.abort();
    return { code, tookMs: performance.now() - start };
  }

  /** Ends it at once if it still runs, and takes its group and mounts away. */
  async remove(): Promise<void> {
    this.#call("delete", "--force", this.#options.id);
    await this.#exit;
  }

  get #pid(): string {
    return readFileSync(join(this.#bundle, "pid"), "utf8");
  }

  #proc(file: string, pattern: RegExp): string {
    return pattern.exec(readFileSync(`/proc/${this.#pid}/${file}`, "utf8"))?.[1] ?? "NaN";
  }

  #runc(command: string): string[] {
    // Without permission to make groups runc only goes on when it believes itself rootless.
    const rootless = this.#options.limited ? [] : ["--rootless", "true"];
    return ["runc", "--root", join(this.#options.folder, "runc"), ...rootless, command];
  }

  #call(command: string, ...rest: readonly string[]): void {
    const [program = "", ...args] = this.#runc(command);
    spawnSync(program, [...args, ...rest], { stdio: "ignore" });
  }

  #spec(): object {
    const { image, uid, rootfs, models, argv, env, limited, memoryMiB, cpus, id } = this.#options;
    const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
    const resources = {
      memory: { limit: memoryMiB * MiB, swap: memoryMiB * MiB },
      cpu: { quota: Math.round(cpus * 100_000), period: 100_000 },
      devices: [{ allow: false, access: "rwm" }],
    };
    const mounts = [
      { destination: "/proc", type: "proc", source: "proc", options: guarded },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "mode=755", "size=65536k"],
      },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: [...guarded, "ro"] },
      ...(models === undefined ? [] : [bound(models, "/mnt/models")]),
    ];
    // Node learns from here how much memory and CPU it has.
    const groups = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" };
    return {
      ociVersion: "1.0.2",
      root: { path: rootfs, readonly: true },
      process: {
        user: { uid, gid: 0 },
        args: argv,
        env: [...image.env, ...env],
        cwd: image.cwd,
        capabilities: none,
        noNewPrivileges: true,
      },
      mounts: limited ? [...mounts, { ...groups, options: [...guarded, "ro"] }] : mounts,
      linux: {
        namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        ...(limited ? { cgroupsPath: `/${id}`, resources } : {}),
        seccomp: runtimeDefault(),
        maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list"],
        readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      },
    };
  }
}
