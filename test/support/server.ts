import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

/** A real server: the bundle, in a process of its own, on a free port of loopback. */

const root = join(import.meta.dirname, "../..");
export const irisModel = join(root, "models/iris/model.onnx");

export interface TestServer {
  readonly port: number;
  readonly process: ChildProcess;
  /** Everything written to stderr so far. */
  log(): string;
  /** Resolves with the exit code, or the signal that ended the process. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Ends it by SIGTERM; resolves as `ended`. */
  stop(): Promise<number | NodeJS.Signals>;
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A command that runs what follows it. */
  readonly within?: readonly string[];
}

/** Starts `thaw serve`; does not wait for anything. */
export function spawnServer({ args = [], env = {}, cwd = root, within = [] }: StartOptions = {}) {
  const [program = process.execPath, ...words] = [...within, process.execPath];
  const child = spawn(
    program,
    [...words, join(root, "dist/thaw.js"), "serve", ...args, "--host", "127.0.0.1"],
    { cwd, env: { ...process.env, THAW_LINGER: "0", THAW_PORT: "0", ...env }, stdio: "pipe" },
  );
  let text = "";
  child.stderr.on("data", (piece) => {
    text += piece;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? -1));
  });
  return { process: child, log: () => text, ended };
}

/** Starts `thaw serve` and waits until its port is open. Rejects with its log if it ends before. */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const started = spawnServer(options);
  const port = await new Promise<number>((resolve, reject) => {
    started.process.stderr?.on("data", () => {
      const ports = /"event":"serving","ports":\[(\d+)/.exec(started.log());
      if (ports !== null) resolve(Number(ports[1]));
    });
    started.ended.then(
      (code) => reject(new Error(`the server ended with ${code}: ${started.log()}`)),
      reject,
    );
  });
  const stop = () => {
    started.process.kill("SIGTERM");
    return started.ended;
  };
  return { ...started, port, stop };
}
