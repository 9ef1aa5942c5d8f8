import { spawnSync } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; resolves to its stdout. Throws with its stderr when it fails. */
export function run(program: string, args: readonly string[], options: CommandOptions = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd: options.cwd,
    timeout: options.timeoutMs ?? 600_000,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) {
    const tail = `${stdout}${stderr}`.trim().split("\n").slice(-25).join("\n");
    throw new Error(
      `${[program, ...args].slice(0, 12).join(" ")} ended with ${status ?? signal}:\n${tail}`,
    );
  }
  return stdout;
}

export function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** One figure of a report. */
export function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(34)} ${figure}\n`);
}
