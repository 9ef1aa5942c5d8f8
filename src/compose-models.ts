import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "./config/settings.ts";
import { systemClock } from "./domain/clock.ts";
import {
  budgetReservedBytes,
  budgetShare,
  budgetShareMin,
  loadBackoffMsBase,
  loadBackoffMsMax,
  loadMsMax,
  watchPollMs,
} from "./domain/limits.ts";
import type { Log, RepositoryControl } from "./domain/ports.ts";
import { shownUri } from "./domain/redact.ts";
import { mayPass, type Storage, StorageError } from "./domain/storage.ts";
import { Catalog } from "./models/catalog.ts";
import { Control, type StageFiles } from "./models/control.ts";
import { Refresher } from "./models/refresher.ts";
import { LoadError, type Repository } from "./models/repository.ts";
import { type ListSource, parseSource, type ReadText } from "./models/sources.ts";
import { localPath } from "./storage/file.ts";
import type { Staging } from "./storage/stage.ts";
import { limitBytes } from "./telemetry/memory.ts";
import { progressLog } from "./telemetry/progress.ts";

/** The control plane's part of the object graph: what is to be served, and its changes. */
export interface Supply {
  /** Resolves when what has to be ready before the port opens is. Rejects with LoadError. */
  start(sources: readonly string[]): Promise<void>;
  /** Resolves when the loads of `start` have been asked for. */
  readonly planned: Promise<void>;
  /** Files are looked at from now on, where that is wanted. */
  follow(): void;
  /** Nothing is waited for any more, and what requests brought goes. */
  end(): Promise<void>;
  /** `undefined` where it is switched off. */
  readonly control: RepositoryControl | undefined;
}

export interface SupplyPorts {
  readonly repository: Repository;
  readonly storage: Storage;
  readonly settings: Settings;
  readonly log: Log;
}

export function composeSupply({ repository, storage, settings, log }: SupplyPorts): Supply {
  const { repository: uri, load, preload, repositoryApi } = settings;
  // Every model of a repository has a name of its own.
  const modelName = uri === undefined ? settings.modelName : undefined;
  const companions = async (path: string) =>
    (await import("./formats/companions.ts")).companionsOf(path);
  const catalog = new Catalog({ list: listWith(storage, log), companions, log });
  let refresher: Refresher | undefined;
  let watched: readonly string[] = [];
  let staging: Promise<Staging> | undefined;
  const stage: StageFiles = async (model, files) => {
    staging ??= import("./storage/stage.ts").then((it) => new it.Staging(settings.cacheFolder));
    return (await staging).stage(model, files);
  };
  const control =
    repositoryApi === "off"
      ? undefined
      : new Control({
          repository,
          catalog,
          uri,
          stage: repositoryApi === "files" ? stage : undefined,
        });
  const ended = new AbortController();
  const planned = Promise.withResolvers<void>();
  return {
    control,
    planned: planned.promise,
    end: async () => {
      ended.abort();
      await (await staging)?.close();
    },
    start: async (sources) => {
      // A repository may be all that there is, and be empty.
      const none = sources.length === 0 && uri !== undefined;
      const list = () => catalog.named(sources, modelName);
      const named = none ? [] : await patiently(list, log, ended.signal);
      refresher = new Refresher({
        catalog,
        repository,
        clock: systemClock,
        log,
        uri,
        sources,
        fallbackName: modelName,
        load,
        preload,
      });
      for (const plan of named) {
        refresher.note(plan);
        repository.apply(plan, "loaded", true);
      }
      planned.resolve();
      await refresher.start();
      const eager = load === "eager" ? repository.names() : refresher.awaited;
      watched = [
        ...sources.map((text) => parseSource(text).uri),
        ...(uri === undefined ? [] : [uri]),
      ];
      await Promise.all([
        ...named.map(({ name }) => repository.whenReady(name)),
        ...eager.map((name) => tolerated(repository.whenReady(name))),
      ]);
    },
    follow: () => {
      if (refresher === undefined) return;
      if (settings.watch) void watchAll(watched, refresher, log);
      // What happens in a folder that has just been made is not always told.
      const pollMs = settings.pollMs ?? (settings.watch ? watchPollMs : undefined);
      if (pollMs !== undefined) refresher.poll(pollMs);
    },
  };
}

/** A store that cannot be asked now may be a moment later: until the load limit. */
async function patiently<T>(task: () => Promise<T>, log: Log, signal: AbortSignal): Promise<T> {
  const untilMs = systemClock.nowMs() + loadMsMax;
  for (let waitMs = loadBackoffMsBase; ; waitMs = Math.min(loadBackoffMsMax, 2 * waitMs)) {
    try {
      return await task();
    } catch (error) {
      const cause = error instanceof LoadError ? error.cause : undefined;
      const passing = cause instanceof StorageError && mayPass(cause.kind);
      if (!passing || systemClock.nowMs() + waitMs > untilMs) throw error;
      log.write("warn", "source not there yet", { reason: cause.message, retryMs: waitMs });
      // This wait is all that there may be to keep the process alive.
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) throw error;
    }
  }
}

/** How the control plane lists sources, and gets those that are elsewhere. */
function listWith(storage: Storage, log: Log): ListSource {
  return async (uri) => {
    const shown = shownUri(uri);
    const onProgress = progressLog(shown, log, systemClock, terminal());
    const source = await storage.resolve(uri, { onProgress });
    const { kind, localRoot } = source;
    const files = source.files.map(({ path, bytes, version }) => ({ path, bytes, tag: version }));
    const readText: ReadText = (path, bytesMax) => storage.readText(source, path, bytesMax);
    if (localRoot === undefined) {
      const fetch = (paths: readonly string[]) => storage.fetch(source, paths, { onProgress });
      const root = shown.replace(/\.(tar|tar\.gz|tgz|zip)$/i, "");
      return { root, kind, files, readText, fetch };
    }
    if (kind === "folder") return { root: localRoot, kind, files, readText };
    const [file] = files;
    const root = join(localRoot, file?.path ?? "");
    return { root, kind, files: files.map((one) => ({ ...one, path: "" })), readText };
  };
}

/** Standard error, where a person reads it. */
function terminal(): ((text: string) => void) | undefined {
  return process.stderr.isTTY ? (text) => void process.stderr.write(text) : undefined;
}

/** Models of a repository that fail say so themselves; the others are served. */
async function tolerated(ready: Promise<void>): Promise<void> {
  try {
    await ready;
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
  }
}

async function watchAll(uris: readonly string[], refresher: Refresher, log: Log): Promise<void> {
  const { watchFolder } = await import("./storage/watch.ts");
  // What is elsewhere is asked for now and then.
  for (const uri of uris.filter((one) => !/^[a-z+]+:\/\//i.test(one) || one.startsWith("file:"))) {
    const failed = (error: Error) => log.write("warn", "cannot watch; see --poll", { uri, error });
    watchFolder(localPath(uri), () => refresher.poke(), failed);
  }
}

/** What models may weigh together: as it was set, else by the container's limit. */
export function budgetOf({ memoryBudgetBytes }: Settings): number | undefined {
  if (memoryBudgetBytes !== undefined) return memoryBudgetBytes;
  const limit = limitBytes();
  if (limit === 0) return undefined;
  return Math.floor(Math.max(limit * budgetShare - budgetReservedBytes, limit * budgetShareMin));
}
