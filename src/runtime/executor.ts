import { setTimeout as wait } from "node:timers/promises";
import { assert } from "../domain/error.ts";
import { refillAttemptsMax, refillBackoffMs } from "../domain/limits.ts";
import type { Verdict } from "../domain/model.ts";
import type { Batch, Executor, LoadOutcome, LoadPlan, Log, RunOutcome } from "../domain/ports.ts";
import type { Converter } from "./converter.ts";
import type { Pool } from "./pool.ts";
import { Slot } from "./slot.ts";

export interface ExecutorOptions {
  readonly slots: number;
  readonly threads: number;
  /** Where graphs are written that are made of other files; TMPDIR/thaw by default. */
  readonly folder?: string;
  readonly workerFile: string;
  readonly heapMiBMax: number;
  /** Makes graphs of other files while requests are served. Without one, slots do. */
  readonly converter?: Converter;
  /** The first slot's, where it boots already. */
  readonly firstPool?: Pool;
  readonly log: Log;
  /** A slot could not be filled again with a generation that it had held. */
  readonly onRefillFailed: (generation: number, reason: string) => void;
}

/** How many slots there are and are at work, and how many workers were lost so far. */
export interface SlotCounts {
  readonly total: number;
  readonly busy: number;
  readonly lost: number;
}

/**
 * The Executor over Piscina: one pool of one thread for each slot. It begins with one slot, so that
 * the first model has the CPU for itself; `grow` opens the others.
 */
export class PiscinaExecutor implements Executor {
  readonly #options: ExecutorOptions;
  readonly #slots: Slot[] = [];
  #lost = 0;
  /** Whether slots have more to do than to load the first models. */
  #serving = false;
  /** What every slot is to hold. */
  readonly #plans = new Map<number, LoadPlan>();
  readonly #listeners: (() => void)[] = [];
  /** Work that outlives the call that began it, by generation; `close` waits for it. */
  readonly #background = new Map<Promise<void>, number>();
  /** Aborted when no more slots are to be filled. */
  readonly #closing = new AbortController();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#openSlot(options.firstPool);
  }

  /** Opens the remaining slots and fills them with what is loaded. */
  grow(): void {
    this.#serving = true;
    while (this.#slots.length < this.#options.slots && !this.#closing.signal.aborted) {
      const slot = this.#openSlot();
      for (const plan of this.#plans.values()) this.#keepFilling(slot, plan);
    }
  }

  /** How many slots there are, and how many there will be. */
  get openSlots(): { readonly open: number; readonly planned: number } {
    return { open: this.#slots.length, planned: this.#options.slots };
  }

  onSlotFree(task: () => void): void {
    this.#listeners.push(task);
  }

  async load(plan: LoadPlan): Promise<LoadOutcome> {
    const reason = await this.#options.converter?.convert(plan.modelPath, this.#serving);
    if (reason !== undefined) return { kind: "refused", reason };
    const [first, ...others] = this.#byLoad();
    assert(first !== undefined, "an executor without slots");
    const outcome = await first.load(plan);
    if (outcome.kind === "refused") return outcome;
    this.#plans.set(plan.generation, plan);
    for (const slot of others) this.#keepFilling(slot, plan);
    this.#announce();
    return outcome;
  }

  async filled(generation: number): Promise<void> {
    const fills = [...this.#background].filter(([, of]) => of === generation);
    await Promise.all(fills.map(([work]) => work));
  }

  async judge(generation: number): Promise<Verdict> {
    const slot = this.#byLoad().find((one) => one.generations.has(generation));
    if (slot === undefined) return { kind: "pending" };
    const verdict = await slot.judge(generation);
    this.#announce();
    return verdict;
  }

  async unload(generation: number): Promise<void> {
    this.#plans.delete(generation);
    await Promise.all(this.#slots.map((slot) => slot.unload(generation)));
    // A slot that was just being filled takes it out again by itself.
    await this.filled(generation);
  }

  freeSlots(generation: number): number {
    let free = 0;
    for (const slot of this.#slots) {
      if (slot.idle && slot.generations.has(generation)) free += 1;
    }
    return free;
  }

  async run(batch: Batch): Promise<RunOutcome> {
    const slot = this.#slots.find((one) => one.idle && one.generations.has(batch.generation));
    assert(slot !== undefined, "a batch was dispatched without a free slot");
    const outcome = await slot.run(batch);
    this.#announce();
    return outcome;
  }

  get slots(): SlotCounts {
    const busy = this.#slots.reduce((count, slot) => count + Number(!slot.idle), 0);
    return { total: this.#slots.length, busy, lost: this.#lost };
  }

  /** How long the longest run that is under way has taken, in ms; 0 without one. */
  longestRunMs(): number {
    const now = performance.now();
    return Math.max(0, ...this.#slots.map(({ runningSinceMs }) => now - (runningSinceMs ?? now)));
  }

  /** Waits for loads and runs, then ends the threads. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#background.keys());
    await this.#options.converter?.close();
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  #openSlot(pool?: Pool): Slot {
    const id = this.#slots.length;
    const slot: Slot = new Slot({ ...this.#options, id, pool, onLost: () => this.#refill(slot) });
    this.#slots.push(slot);
    return slot;
  }

  /** Idle slots first. */
  #byLoad(): Slot[] {
    return this.#slots.toSorted((a, b) => Number(b.idle) - Number(a.idle));
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }

  #keep(work: Promise<void>, generation: number): void {
    const kept = work.finally(() => this.#background.delete(kept));
    this.#background.set(kept, generation);
  }

  #keepFilling(slot: Slot, plan: LoadPlan): void {
    this.#keep(this.#fill(slot, plan), plan.generation);
  }

  #refill(slot: Slot): void {
    this.#lost += 1;
    this.#options.log.write("warn", "worker lost", { slot: slot.id, models: this.#plans.size });
    for (const plan of this.#plans.values()) this.#keepFilling(slot, plan);
  }

  /** Brings a generation into a slot, with patience for workers that are lost on the way. */
  async #fill(slot: Slot, plan: LoadPlan): Promise<void> {
    let reason = "";
    const holds = ({ generations }: Slot) => generations.has(plan.generation);
    for (let attempt = 0; attempt < refillAttemptsMax; attempt += 1) {
      if (this.#closing.signal.aborted || !this.#plans.has(plan.generation)) return;
      if (slot.generations.has(plan.generation) || this.#heldEnough(slot, plan)) return;
      const outcome = await slot.load(plan);
      if (outcome.kind === "loaded") {
        if (!this.#plans.has(plan.generation)) await slot.unload(plan.generation);
        this.#announce();
        return;
      }
      reason = outcome.reason;
      // Its file has changed: another slot may hold what it was, and a load takes over from that.
      if (outcome.passing !== true && this.#slots.some(holds)) return;
      await pause(refillBackoffMs * 2 ** attempt, this.#closing.signal);
    }
    this.#options.onRefillFailed(plan.generation, reason);
  }

  /** Whether a generation that wants few slots has as many, this one not counted. */
  #heldEnough(slot: Slot, { generation, instances }: LoadPlan): boolean {
    if (instances === undefined) return false;
    const holding = this.#slots.filter((one) => one !== slot && one.generations.has(generation));
    return holding.length >= instances;
  }
}

/** Waits, or until `signal` is aborted. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(delayMs, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
