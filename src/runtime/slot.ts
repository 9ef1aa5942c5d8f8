import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Verdict } from "../domain/model.ts";
import type { Batch, LoadOutcome, LoadPlan, Log, RunOutcome } from "../domain/ports.ts";
import type { Reply, Task } from "./messages.ts";
import { sharedNowMs } from "./monotonic.ts";
import { openPool, type Pool, type PoolOptions } from "./pool.ts";

export interface SlotOptions extends PoolOptions {
  readonly id: number;
  /** One that boots already, in place of its own. */
  readonly pool?: Pool | undefined;
  /** Threads of ONNX Runtime within one run. */
  readonly threads: number;
  /** Where graphs are written that are made of other files; TMPDIR/thaw by default. */
  readonly folder?: string;
  readonly log: Log;
  /** The worker is gone, and with it all that it held. Piscina starts another by itself. */
  readonly onLost: () => void;
}

/**
 * One worker thread, one task at a time: a Piscina of its own, since a pool of several cannot
 * address a load to each of its workers. Piscina never gets a signal and is never destroyed while
 * a task runs: ending a thread inside ONNX Runtime aborts the whole process.
 */
export class Slot {
  readonly id: number;
  /** What the worker holds. */
  readonly generations = new Set<number>();
  #busy = 0;
  #closing = false;
  #runningSinceMs: number | undefined;
  readonly #options: SlotOptions;
  readonly #pool: Pool;

  constructor(options: SlotOptions) {
    this.id = options.id;
    this.#options = options;
    this.#pool = options.pool ?? openPool(options);
    this.#pool.on("error", (error) => {
      options.log.write("error", "worker error", { slot: this.id, error });
    });
    // Piscina tells before it has taken the worker out of its list, so that a task that is posted
    // at once goes to the dead one. It tells of an uncaught error, while the thread still has its
    // id, and then once more of its exit, when the id is −1; of other exits it tells once.
    let exitsToCome = 0;
    this.#pool.on("workerDestroy", ({ id }: { readonly id: number }) => {
      if (id !== -1) exitsToCome += 1;
      else if (exitsToCome > 0) {
        exitsToCome -= 1;
        return;
      }
      this.generations.clear();
      setImmediate(() => this.#lost());
    });
  }

  /** Since when the run that is under way has been; `undefined` without one. */
  get runningSinceMs(): number | undefined {
    return this.#runningSinceMs;
  }

  get idle(): boolean {
    return this.#busy === 0 && !this.#closing;
  }

  async load(plan: LoadPlan): Promise<LoadOutcome> {
    try {
      const { threads, folder = join(tmpdir(), "thaw") } = this.#options;
      const outcome = await this.#perform({
        kind: "load",
        ...plan,
        threads: plan.threads ?? threads,
        folder,
      });
      if (outcome.kind === "refused") return outcome;
      if (outcome.kind !== "loaded") throw unexpected("load", outcome.kind);
      this.generations.add(plan.generation);
      const beganMs = outcome.times.beganMs - (sharedNowMs() - performance.now());
      return { ...outcome, times: { ...outcome.times, beganMs } };
    } catch (error) {
      const reason = `the worker was lost while loading: ${textOf(error)}`;
      return { kind: "refused", reason, passing: true };
    }
  }

  async run(batch: Batch): Promise<RunOutcome> {
    try {
      const { buffers, ...work } = batch;
      this.#runningSinceMs = performance.now();
      const outcome = await this.#perform({ kind: "run", sentMs: sharedNowMs(), ...work }, buffers);
      switch (outcome.kind) {
        case "loaded":
        case "refused":
        case "unloaded":
        case "judged":
          throw unexpected("run", outcome.kind);
        default:
          return outcome;
      }
    } catch (error) {
      return { kind: "lost", detail: textOf(error) };
    } finally {
      this.#runningSinceMs = undefined;
    }
  }

  async judge(generation: number): Promise<Verdict> {
    try {
      const outcome = await this.#perform({ kind: "judge", generation });
      if (outcome.kind === "judged") return outcome.verdict;
      throw unexpected("judge", outcome.kind);
    } catch (error) {
      this.#options.log.write("warn", "probe failed", { slot: this.id, detail: textOf(error) });
      return { kind: "single", reason: "its probe failed" };
    }
  }

  async unload(generation: number): Promise<void> {
    if (!this.generations.delete(generation)) return;
    try {
      await this.#perform({ kind: "unload", generation });
    } catch (error) {
      // A lost worker holds nothing any more.
      this.#options.log.write("debug", "unload", { slot: this.id, detail: textOf(error) });
    }
  }

  /**
   * Ends the thread once its tasks are done. A worker that is still booting loads ONNX Runtime; one
   * more task, however small, waits until it has.
   */
  async close(): Promise<void> {
    this.#closing = true;
    try {
      await this.#perform({ kind: "unload", generation: -1 });
    } catch (error) {
      this.#options.log.write("debug", "close", { slot: this.id, detail: textOf(error) });
    }
    await this.#pool.close();
  }

  async #perform(task: Task, give: readonly ArrayBuffer[] = []): Promise<Reply> {
    this.#busy += 1;
    try {
      return await this.#pool.run(task, give.length === 0 ? {} : { transferList: [...give] });
    } finally {
      this.#busy -= 1;
    }
  }

  #lost(): void {
    if (!this.#closing) this.#options.onLost();
  }
}

function unexpected(task: string, kind: string): Error {
  return new Error(`the worker answered a ${task} with '${kind}'. This is a bug.`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
