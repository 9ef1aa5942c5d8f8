import { composeServer, type Server } from "../compose.ts";
import type { Environment } from "../config/parse.ts";
import { programVersion } from "../config/program.ts";
import type { ServeConfig } from "../config/settings.ts";
import type { Log } from "../domain/ports.ts";
import { LoadError } from "../models/repository.ts";
import type { Pool } from "../runtime/pool.ts";
import { shutDown } from "../shutdown.ts";
import { tellKubernetes } from "../telemetry/last-words.ts";
import { LineLog } from "../telemetry/log.ts";

/** The signals that a process got, from its first moment on. */
export interface Signals {
  /** Resolves with the first. */
  readonly first: Promise<NodeJS.Signals>;
  /** Aborted by the second. */
  readonly second: AbortSignal;
}

export interface ServeParts {
  readonly config: ServeConfig;
  readonly env: Environment;
  readonly signals: Signals;
}

const lingerMsDefault = 5_000;

/** `thaw serve`: resolves with the exit code when the server has ended. */
export async function serve(
  { config, env, signals }: ServeParts,
  firstPool?: Pool,
): Promise<number> {
  const log = openLog(config);
  log.write("info", "starting", { version: programVersion(), node: process.version });
  const ignored = config.ignored.join(", ");
  if (ignored !== "") log.write("info", "options without effect", { options: ignored });
  const server = composeServer(config, log, firstPool);
  const started = server.start(config.sources).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const failure = await Promise.race([started, signals.first.then(() => undefined)]);
  if (failure !== undefined) return fail(failure.error, server, log);
  const signal = await signals.first;
  const hurry = signals.second;
  const lingerMs = lingerFor(signal, config, env);
  await shutDown(server, { signal, lingerMs, hurry, log });
  return 0;
}

function openLog({ settings }: ServeConfig): Log {
  return new LineLog({
    level: settings.logLevel,
    format: settings.logFormat,
    terminal: process.stderr.isTTY === true,
    write: (line) => process.stderr.write(line),
    now: () => new Date(),
  });
}

/** Under Knative, SIGTERM comes after the drain; Ctrl-C on a terminal wants the end now. */
function lingerFor(signal: NodeJS.Signals, { settings }: ServeConfig, env: Environment): number {
  if (signal === "SIGINT") return 0;
  return settings.lingerMs ?? (env["K_REVISION"] === undefined ? lingerMsDefault : 0);
}

/** A start that failed: loads that are under way end first, since they cannot be ended. */
async function fail(error: unknown, server: Server, log: Log): Promise<number> {
  await server.executor.close();
  await server.storage.close();
  const reason = error instanceof LoadError ? error.message : portProblem(error);
  if (reason === undefined) log.write("error", "start failed", { error });
  const line = `thaw: ${reason ?? (error instanceof Error ? error.message : String(error))}`;
  process.stderr.write(`${line}\n`);
  tellKubernetes(line);
  return 1;
}

/** Why a port cannot be opened, where that is what went wrong. */
function portProblem(error: unknown): string | undefined {
  if (!(error instanceof Error && "syscall" in error && error.syscall === "listen"))
    return undefined;
  const port = "port" in error ? error.port : "";
  const code = "code" in error ? error.code : "";
  if (code === "EADDRINUSE") return `port ${port} is in use by another process`;
  if (code === "EACCES") return `port ${port} cannot be opened: permission is denied`;
  return `port ${port} cannot be opened: ${error.message}`;
}
