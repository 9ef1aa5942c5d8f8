import { Piscina } from "piscina";
import { drainMsMax } from "../domain/limits.ts";
import type { Reply, Task } from "./messages.ts";

export type Pool = Piscina<Task, Reply>;

export interface PoolOptions {
  /** The file of the worker's entry, which exports `perform`. */
  readonly workerFile: string;
  /** JavaScript heap of the worker; tensors and sessions are not in it. */
  readonly heapMiBMax: number;
}

/** A pool of one thread, which begins to boot at once. */
export function openPool({ workerFile, heapMiBMax }: PoolOptions): Pool {
  return new Piscina({
    filename: workerFile,
    name: "perform",
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    maxQueue: Number.POSITIVE_INFINITY,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: "sync",
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
    closeTimeout: 10 * drainMsMax,
  });
}
