import {
  pullAttemptsMax,
  pullBackoffMsBase,
  pullBackoffMsMax,
  pullRetriesMin,
  pullRetriesShare,
  retryAfterMsMax,
} from "../domain/limits.ts";
import { StorageError, type StorageKind } from "../domain/storage.ts";

/** What a failure means, and whether to try again. */

/** Time and chance, so that tests are in charge of them. */
export interface Pace {
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

export const realPace: Pace = {
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(cancelled());
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, ms);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
    }),
};

export function cancelled(): StorageError {
  return new StorageError("cancelled", "the pull was given up by who asked for it");
}

/**
 * Attempts of one pull: each request at most `pullAttemptsMax` times, and all retries together at
 * most a share of the requests, so that an endpoint that is ill is not hammered.
 */
export class Retries {
  readonly #pace: Pace;
  #requests = 0;
  #retries = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  get count(): number {
    return this.#retries;
  }

  /** Runs `task` until it succeeds, fails for good, or has been tried too often. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    this.#requests += 1;
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) throw cancelled();
      try {
        return await task();
      } catch (thrown) {
        const error = storageErrorOf(thrown);
        if (signal.aborted && error.kind !== "cancelled") throw cancelled();
        if (!this.#again(error, attempt)) throw error;
        this.#retries += 1;
        await this.#pace.sleep(this.#waitMs(error, attempt), signal);
      }
    }
  }

  #again({ kind }: StorageError, attempt: number): boolean {
    if (kind !== "unavailable" && kind !== "throttled" && kind !== "corrupt") return false;
    if (attempt >= (kind === "corrupt" ? 2 : pullAttemptsMax)) return false;
    return this.#retries < Math.max(pullRetriesMin, this.#requests * pullRetriesShare);
  }

  /** Full jitter, or what the store asked for. */
  #waitMs({ retryAfterMs }: StorageError, attempt: number): number {
    if (retryAfterMs !== undefined) return Math.min(retryAfterMs, retryAfterMsMax);
    const ceiling = Math.min(pullBackoffMsMax, pullBackoffMsBase * 2 ** (attempt - 1));
    return ceiling * this.#pace.random();
  }
}

const kindOfCode: Readonly<Record<string, StorageKind>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EROFS: "no-space",
  EACCES: "forbidden",
  EPERM: "forbidden",
  ABORT_ERR: "cancelled",
};

const meaning: Partial<Record<string, string>> = {
  ECONNREFUSED: "nobody listens at its address",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  ETIMEDOUT: "it did not answer in time",
  ENOTFOUND: "its name cannot be resolved",
  EAI_AGAIN: "its name cannot be resolved at the moment",
  ENOENT: "there is no such file or folder",
  EACCES: "permission is denied",
  ENOSPC: "the disk is full",
};

/** What was thrown, with a kind; native text goes into the cause. */
export function storageErrorOf(thrown: unknown): StorageError {
  if (thrown instanceof StorageError) return thrown;
  if (thrown instanceof Error && thrown.cause instanceof StorageError) return thrown.cause;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const more = { cause: thrown };
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|TLS|SSL|EPROTO|ALTNAME/.test(code)) {
    return new StorageError("tls", `its certificate or TLS is not accepted (${code})`, more);
  }
  const kind = kindOfCode[code];
  if (kind !== undefined) return new StorageError(kind, meaning[code] ?? code, more);
  if (code === "" && !(thrown instanceof Error && thrown.name === "AbortError")) {
    return new StorageError("internal", "an unforeseen error in the storage", more);
  }
  if (code === "") return cancelled();
  return new StorageError("unavailable", meaning[code] ?? `the connection failed (${code})`, more);
}

/** What a status of a store means; undefined for success. */
export function kindOfStatus(status: number): StorageKind | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 429) return "throttled";
  if (status === 408 || status >= 500) return "unavailable";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404 || status === 410) return "not-found";
  if (status === 412) return "changed";
  if (status >= 300 && status < 400) return "redirect-refused";
  return status === 416 ? "corrupt" : "internal";
}

/** `Retry-After` in seconds or as a date, and the Hub's `RateLimit: …;t=seconds`. */
export function retryAfterMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  wallMs: number,
): number | undefined {
  const after = headers["retry-after"];
  if (typeof after === "string") {
    const ms = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - wallMs;
    if (Number.isFinite(ms)) return Math.max(0, ms);
  }
  const seconds = /;\s*t=(\d+)/.exec(String(headers["ratelimit"] ?? ""))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
