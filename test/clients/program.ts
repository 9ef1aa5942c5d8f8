import { spawn } from "node:child_process";

export interface Ended {
  /** The exit code; `undefined` for a program that a signal ended. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Each whole line of stdout, as soon as it is there. */
  readonly onLine?: (line: string) => void;
}

/** Runs a program to its end. Rejects when it cannot be started or takes longer than it may. */
export function run(
  command: string,
  args: readonly string[],
  { timeoutMs, cwd, env, onLine }: ProgramOptions,
): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const child = spawn(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr, unread] = ["", "", ""];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    stdout += piece;
    const lines = (unread + piece).split("\n");
    unread = lines.pop() ?? "";
    for (const line of lines) onLine?.(line);
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    stderr += piece;
  });
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    // What it has started may still hold its pipes; nobody is to wait for that.
    child.stdout.destroy();
    child.stderr.destroy();
    reject(new Error(`${command} took longer than ${timeoutMs / 1_000} s`));
  }, timeoutMs);
  child.once("error", (error) => {
    clearTimeout(timer);
    reject(error);
  });
  child.once("close", (code) => {
    clearTimeout(timer);
    if (unread !== "") onLine?.(unread);
    resolve({ code: code ?? undefined, stdout, stderr });
  });
  return promise;
}

/** The last line that says something; programs put their reason for giving up there. */
export function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
