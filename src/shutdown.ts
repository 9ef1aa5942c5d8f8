import { setTimeout as wait } from "node:timers/promises";
import { drainMsMax } from "./domain/limits.ts";
import type { Log } from "./domain/ports.ts";

/** The parts of a server, as far as its end concerns them. */
export interface Stoppable {
  readonly health: { drain(): void };
  readonly admission: { close(): Promise<void> };
  readonly executor: { close(): Promise<void> };
  readonly storage: { close(): Promise<void> };
  /** Absent until the port is open. */
  edges:
    | {
        readonly port: {
          drain(): void;
          refuse(): Promise<void>;
          close(): Promise<void>;
          destroy(): void;
        };
        readonly closeGrpc: () => Promise<void>;
      }
    | undefined;
}

export interface ShutdownOptions {
  readonly signal: NodeJS.Signals;
  readonly lingerMs: number;
  /** Aborted by a second signal: no more lingering. */
  readonly hurry: AbortSignal;
  readonly log: Log;
}

/** Connections that are still open this long before the hard deadline are cut. */
const cutBeforeMs = 3_000;

/**
 * From the signal to an empty event loop, losing no request. A worker is never ended while it loads
 * or runs, so the process is never exited: the loop empties, or the hard deadline kills it.
 */
export async function shutDown(server: Stoppable, options: ShutdownOptions): Promise<void> {
  const { signal, lingerMs, hurry, log } = options;
  log.write("info", "draining", { signal, lingerMs });
  setTimeout(() => process.kill(process.pid, "SIGKILL"), drainMsMax).unref();

  // 1. Not ready, still alive: load balancers look elsewhere.
  server.health.drain();

  // 2. They take a while to notice; until then every request is served, on its last connection.
  server.edges?.port.drain();
  if (server.edges !== undefined) await linger(lingerMs, hurry);

  // 3. Nothing new comes in. What is under way ends; connections that do not are cut.
  const { edges } = server;
  await edges?.port.refuse();
  const closed = [server.admission.close()];
  if (edges !== undefined) {
    closed.push(edges.port.close(), edges.closeGrpc());
    setTimeout(() => edges.port.destroy(), drainMsMax - lingerMs - cutBeforeMs).unref();
  }
  await Promise.all(closed);

  // 4. Runs that nobody waits for any more, and loads, end by themselves.
  await server.executor.close();
  await server.storage.close();
  log.write("info", "stopped", { signal });
}

async function linger(lingerMs: number, hurry: AbortSignal): Promise<void> {
  try {
    await wait(lingerMs, undefined, { signal: hurry });
  } catch (error) {
    if (!hurry.aborted) throw error;
  }
}
