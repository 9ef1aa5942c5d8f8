import { cancelledError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { assert, ServingError } from "../domain/error.ts";
import { batchBytesMax, batchRowsMax, deadlineSweepMs } from "../domain/limits.ts";
import type { LoadedModel } from "../domain/model.ts";
import type { Executor, Log } from "../domain/ports.ts";
import { tensorBytes } from "../domain/tensor.ts";
import { Backlog } from "./backlog.ts";
import { BatchCap } from "./cap.ts";
import type { Entry } from "./entry.ts";
import { lateness } from "./lateness.ts";
import { mergeability } from "./merge.ts";
import { EntryQueue } from "./queue.ts";
import { BatchRunner } from "./runner.ts";
import { ServingStatistics } from "./statistics.ts";

export interface BatcherPorts {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly log: Log;
  /** Whether requests are merged at all. */
  readonly merging: boolean;
}

/**
 * Brings waiting entries to free slots: at the end of a turn of the event loop, without a timer.
 * There is one queue for each kind of entry that may merge, and the queues take turns. While slots
 * are free, what waits is split over them; an entry that expired or was cancelled is never
 * dispatched.
 */
export class Batcher {
  readonly statistics = new ServingStatistics();
  readonly #ports: BatcherPorts;
  readonly #runner: BatchRunner;
  /** By key; a queue exists while it has entries. The map's order is the rotation. */
  readonly #queues = new Map<string, EntryQueue>();
  /** By generation: how many rows a batch may have. */
  readonly #caps = new Map<number, BatchCap>();
  /** Dispatched entries whose answer is still owed. */
  readonly #running = new Set<Entry>();
  readonly #backlog = new Backlog();
  #flushScheduled = false;
  #sweepScheduled = false;

  constructor(ports: BatcherPorts) {
    this.#ports = ports;
    this.#runner = new BatchRunner({ ...ports, statistics: this.statistics });
    ports.executor.onSlotFree(() => this.#scheduleFlush());
  }

  get queued(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  /** How many entries wait, for each generation with at least one. */
  get queuedByGeneration(): ReadonlyMap<number, number> {
    const sizes = new Map<number, number>();
    for (const { generation, size } of this.#queues.values()) {
      sizes.set(generation, (sizes.get(generation) ?? 0) + size);
    }
    return sizes;
  }

  submit(entry: Entry): void {
    const { aheadMs } = this.#backlog;
    const leftMs = Math.min(entry.queueUntilMs, entry.call.deadlineMs) - this.#ports.clock.nowMs();
    // What has no time left at all is late, not refused.
    if (leftMs > 0 && aheadMs > leftMs) {
      entry.settle({ kind: "error", error: waitTooLong(aheadMs) });
      return;
    }
    const verdict = this.#ports.merging ? entry.model.verdict : single;
    Object.assign(entry, mergeability(entry, verdict));
    let queue = this.#queues.get(entry.key);
    if (queue === undefined) {
      queue = new EntryQueue(entry.key, entry.model.generation);
      this.#queues.set(entry.key, queue);
    }
    queue.push(entry);
    this.#backlog.queued(entry);
    entry.call.onCancel(() => this.#abandon(entry, cancelledError()));
    this.#scheduleFlush();
    this.#scheduleSweep();
  }

  /** Forgets what was learned about a generation that is no longer loaded. */
  forget(generation: number): void {
    this.#caps.delete(generation);
    this.#backlog.forget(generation);
    this.statistics.forget(generation);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#queues.size === 0) return;
    this.#flushScheduled = true;
    this.#ports.clock.endOfTurn(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    let dispatched = true;
    while (dispatched) {
      dispatched = false;
      for (const queue of [...this.#queues.values()]) {
        const free = this.#ports.executor.freeSlots(queue.generation);
        if (free === 0) continue;
        const batch = this.#take(queue, free);
        // To the end of the rotation, or out of it.
        this.#queues.delete(queue.key);
        if (queue.size > 0) this.#queues.set(queue.key, queue);
        if (batch.length === 0) continue;
        dispatched = true;
        void this.#run(batch);
      }
    }
  }

  /**
   * The next batch of a queue: its share of the waiting rows while other slots are free too, within
   * the model's cap, but at least one whole entry.
   */
  #take(queue: EntryQueue, freeSlots: number): Entry[] {
    const now = this.#ports.clock.nowMs();
    const share = Math.ceil(queue.rows / freeSlots);
    const { first } = queue;
    assert(first !== undefined, "an empty queue had its turn");
    const rowsMax = Math.min(this.#capOf(first.model).rows, share);
    const batch: Entry[] = [];
    let rows = 0;
    let bytes = 0;
    for (const entry of queue) {
      const refusal = lateness(entry, now);
      if (refusal !== undefined) {
        this.#leave(queue, entry);
        entry.settle({ kind: "error", error: refusal });
        continue;
      }
      rows += entry.rows;
      bytes += entry.inputs.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
      const alone = entry.rows === 0 || rows > rowsMax || bytes > batchBytesMax;
      if (alone && batch.length > 0) break;
      this.#leave(queue, entry);
      batch.push(entry);
      if (alone) break;
    }
    return batch;
  }

  #leave(queue: EntryQueue, entry: Entry): void {
    queue.remove(entry);
    this.#backlog.left(entry);
  }

  #capOf({ generation, rowsMax }: LoadedModel): BatchCap {
    let cap = this.#caps.get(generation);
    if (cap === undefined) {
      cap = new BatchCap(Math.min(rowsMax ?? batchRowsMax, batchRowsMax));
      this.#caps.set(generation, cap);
    }
    return cap;
  }

  async #run(batch: readonly Entry[]): Promise<void> {
    for (const entry of batch) {
      entry.dispatch();
      this.#running.add(entry);
    }
    this.#backlog.began();
    const ran = await this.#runner.run(batch);
    this.#backlog.ended();
    if (ran !== undefined) {
      const [first] = batch;
      assert(first !== undefined, "an empty batch has run");
      // What runs alone says nothing of batches.
      if (ran.rows > 0) this.#capOf(first.model).record(ran.rows, ran.ms);
      this.#backlog.record(first.model.generation, ran.rows, ran.ms);
    }
    for (const entry of batch) {
      this.#running.delete(entry);
      entry.finish();
    }
    this.#scheduleFlush();
  }

  /** Answers an entry that still waits or runs. What runs goes on; its outcome is dropped. */
  #abandon(entry: Entry, error: ServingError): void {
    if (entry.state === "queued") {
      const queue = this.#queues.get(entry.key);
      assert(queue !== undefined, "a queued entry has no queue");
      this.#leave(queue, entry);
      if (queue.size === 0) this.#queues.delete(entry.key);
    }
    entry.settle({ kind: "error", error });
  }

  /** One timer looks after every deadline, and only while there is an entry. */
  #scheduleSweep(): void {
    if (this.#sweepScheduled) return;
    this.#sweepScheduled = true;
    this.#ports.clock.after(deadlineSweepMs, () => {
      this.#sweepScheduled = false;
      this.#sweep();
      if (this.#queues.size > 0 || this.#running.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const now = this.#ports.clock.nowMs();
    for (const queue of [...this.#queues.values()]) {
      for (const entry of queue) {
        const late = lateness(entry, now);
        if (late !== undefined) this.#abandon(entry, late);
      }
    }
    for (const entry of this.#running) {
      const late = lateness(entry, now);
      if (late !== undefined) this.#abandon(entry, late);
    }
  }
}

function waitTooLong(aheadMs: number): ServingError {
  return new ServingError(
    "overloaded",
    `Exceeds maximum queue size: what waits already takes about ${Math.ceil(aheadMs)} ms`,
  );
}

const single = { kind: "single", reason: "merging is switched off" } as const;
