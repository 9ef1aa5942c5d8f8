import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheHeartbeatMs, cacheOwnerMsMax } from "../domain/limits.ts";

/**
 * A process's own folder in the cache. It holds what is not finished and the claims that the
 * process has: what others must respect while it lives, and sweep away when it has ended, by
 * whatever signal. Its name says who it is.
 */
export class Owner {
  readonly folder: string;
  readonly #owners: string;
  #made: Promise<void> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(owners: string) {
    this.#owners = owners;
    const { boot, space, pid, started } = self();
    const name = [boot, space, pid, started, randomBytes(4).toString("hex")].join(".");
    this.folder = join(owners, name);
  }

  /** Makes the folder, and sweeps those of the dead. */
  ready(): Promise<void> {
    this.#made ??= this.#make();
    return this.#made;
  }

  /** A new, empty folder of this process. */
  async scratch(): Promise<string> {
    await this.ready();
    const folder = join(this.folder, `scratch-${randomBytes(8).toString("hex")}`);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Writes a claim; returns the way to take it back. Claims of one name are told apart. */
  async claim(name: string): Promise<() => Promise<void>> {
    await this.ready();
    const path = join(this.folder, `${name}.${randomBytes(6).toString("hex")}`);
    await writeFile(path, "", { flag: "wx" });
    return () => rm(path, { force: true });
  }

  /** Whether any living process, this one too, has a claim of that name. */
  async claimed(name: string): Promise<boolean> {
    for (const owner of await readdir(this.#owners)) {
      const claims = await readdir(join(this.#owners, owner)).catch(() => []);
      if (!claims.some((claim) => claim.startsWith(`${name}.`))) continue;
      if (await alive(this.#owners, owner)) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (this.#made !== undefined) await rm(this.folder, { recursive: true, force: true });
  }

  async #make(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const beat = () => {
      const now = new Date();
      utimes(this.folder, now, now).catch(() => undefined);
    };
    this.#heartbeat = setInterval(beat, cacheHeartbeatMs);
    this.#heartbeat.unref();
    for (const owner of await readdir(this.#owners)) {
      const folder = join(this.#owners, owner);
      if (folder === this.folder || (await alive(this.#owners, owner))) continue;
      await rm(folder, { recursive: true, force: true });
    }
  }
}

interface Identity {
  readonly boot: string;
  /** Of process numbers: containers have their own. */
  readonly space: string;
  readonly pid: string;
  readonly started: string;
}

function self(): Identity {
  return {
    boot: bootId(),
    space: pidSpace(),
    pid: String(process.pid),
    started: startOf(readText("/proc/self/stat")),
  };
}

/**
 * Whether an owner's process lives: certain where its number means something here; elsewhere
 * (another container, another machine on a shared disk) by the age of its last heartbeat.
 */
async function alive(owners: string, name: string): Promise<boolean> {
  const [boot = "", space = "", pid = "", started = ""] = name.split(".");
  if (boot === bootId() && space === pidSpace()) {
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (text !== "" || startOf(readText("/proc/self/stat")) !== "")
      return startOf(text) === started;
  }
  const folder = await stat(join(owners, name)).catch(() => undefined);
  return folder !== undefined && Date.now() - folder.mtimeMs < cacheOwnerMsMax;
}

function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id").trim();
}

function pidSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "";
  }
}

/** The 22nd field of /proc/PID/stat, proc_pid_stat(5); the second may hold spaces and brackets. */
function startOf(text: string): string {
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
