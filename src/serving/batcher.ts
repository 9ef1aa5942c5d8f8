import { cancelledError, deadlineError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { assert, ServingError } from "../domain/error.ts";
import { deadlineSweepMs } from "../domain/limits.ts";
import type { Executor, Log, RunOutcome } from "../domain/ports.ts";
import type { Entry } from "./entry.ts";
import { EntryQueue } from "./queue.ts";

export interface BatcherPorts {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly log: Log;
}

/**
 * Brings waiting entries to free slots: once per turn of the event loop, one queue for each loaded
 * model, the queues in rotation. An entry that expired or was cancelled is never dispatched.
 *
 * `take` is where a batch is formed. Today it takes one entry; merging grows there and in `run`,
 * which splits the outcome over the batch's entries.
 */
export class Batcher {
  readonly #ports: BatcherPorts;
  /** By generation; a queue exists while it has entries. The map's order is the rotation. */
  readonly #queues = new Map<number, EntryQueue>();
  /** Dispatched entries whose answer is still owed. */
  readonly #running = new Set<Entry>();
  #flushScheduled = false;
  #sweepScheduled = false;

  constructor(ports: BatcherPorts) {
    this.#ports = ports;
    ports.executor.onSlotFree(() => this.#scheduleFlush());
  }

  get queued(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  submit(entry: Entry): void {
    const { generation } = entry.model;
    let queue = this.#queues.get(generation);
    if (queue === undefined) {
      queue = new EntryQueue();
      this.#queues.set(generation, queue);
    }
    queue.push(entry);
    entry.call.onCancel(() => this.#abandon(entry, cancelledError()));
    this.#scheduleFlush();
    this.#scheduleSweep();
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
    const { executor } = this.#ports;
    let dispatched = true;
    while (dispatched) {
      dispatched = false;
      for (const [generation, queue] of [...this.#queues]) {
        const free = executor.freeSlots(generation);
        if (free === 0) continue;
        const batch = this.#take(queue, free);
        // To the end of the rotation, or out of it.
        this.#queues.delete(generation);
        if (queue.size > 0) this.#queues.set(generation, queue);
        if (batch === undefined) continue;
        dispatched = true;
        void this.#run(batch);
      }
    }
  }

  /** The next batch of a queue, after dropping what nobody waits for. */
  #take(queue: EntryQueue, _freeSlots: number): Entry | undefined {
    const now = this.#ports.clock.nowMs();
    for (const entry of queue) {
      queue.remove(entry);
      const refusal = lateness(entry, now);
      if (refusal === undefined) return entry;
      entry.settle({ kind: "error", error: refusal });
    }
    return undefined;
  }

  async #run(entry: Entry): Promise<void> {
    entry.dispatch();
    this.#running.add(entry);
    const { inputs, outputs, model } = entry;
    const batch = { generation: model.generation, inputs, outputs };
    const outcome = await this.#ports.executor.run(batch);
    this.#running.delete(entry);
    if (outcome.kind !== "done") this.#logFailure(entry, outcome);
    this.#answer(entry, outcome);
    entry.finish();
    this.#scheduleFlush();
  }

  /** An entry that was abandoned has its answer; the late outcome is dropped. */
  #answer(entry: Entry, outcome: RunOutcome): void {
    if (outcome.kind !== "done") {
      entry.settle({ kind: "error", error: runError(entry.model.name, outcome) });
      return;
    }
    const late = lateness(entry, this.#ports.clock.nowMs(), "running");
    if (late !== undefined) entry.settle({ kind: "error", error: late });
    else entry.settle({ kind: "outputs", outputs: outcome.outputs });
  }

  #logFailure(entry: Entry, outcome: Exclude<RunOutcome, { kind: "done" }>): void {
    const level = outcome.kind === "rejected" ? "debug" : "warn";
    const { name, version } = entry.model;
    const { kind, detail } = outcome;
    this.#ports.log.write(level, "run failed", { model: name, version, kind, detail });
  }

  /** Answers an entry that still waits or runs. What runs goes on; its outcome is dropped. */
  #abandon(entry: Entry, error: ServingError): void {
    if (entry.state === "queued") {
      const queue = this.#queues.get(entry.model.generation);
      assert(queue !== undefined, "a queued entry has no queue");
      queue.remove(entry);
      if (queue.size === 0) this.#queues.delete(entry.model.generation);
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
      const late = lateness(entry, now, "running");
      if (late !== undefined) this.#abandon(entry, late);
    }
  }
}

/** Why an entry is no longer worth its run, or `undefined`. */
function lateness(
  entry: Entry,
  nowMs: number,
  stage: "queued" | "running" = "queued",
): ServingError | undefined {
  if (entry.call.cancelled) return cancelledError();
  if (nowMs >= entry.call.deadlineMs) return deadlineError();
  if (stage === "queued" && nowMs >= entry.queueUntilMs) {
    return new ServingError(
      "overloaded",
      "Request timeout expired: it waited too long in the queue",
    );
  }
  return undefined;
}

function runError(model: string, outcome: Exclude<RunOutcome, { kind: "done" }>): ServingError {
  switch (outcome.kind) {
    case "rejected":
      return new ServingError(
        "invalid-request",
        `model '${model}' cannot compute these input values`,
      );
    case "failed":
      return new ServingError("internal", `model '${model}' failed on this request`);
    case "lost":
      return new ServingError(
        "worker-lost",
        `the worker that ran this request of model '${model}' was lost; it may be sent again`,
      );
    default:
      return outcome satisfies never;
  }
}
