import type { Clock } from "../domain/clock.ts";
import {
  growthBytesSlack,
  growthFactorMax,
  loadBackoffMsMax,
  modelBytesFactor,
  roomWaitMsMax,
  sessionBytesMin,
} from "../domain/limits.ts";
import type { LoadedModel, Verdict } from "../domain/model.ts";
import type { Executor, LoadTimes, Log } from "../domain/ports.ts";
import { mayPass, StorageError } from "../domain/storage.ts";
import { roomFor, surplus } from "./budget.ts";
import type { Brought, PlannedVersion } from "./plan.ts";
import { Resident, UseClock } from "./resident.ts";
import { fitSignature, type TabularHabits } from "./signature.ts";

export interface LoaderPorts {
  readonly clock: Clock;
  readonly executor: Pick<Executor, "load" | "unload" | "filled">;
  readonly log: Log;
  readonly habits?: TabularHabits;
  /** What all loaded models may weigh together; `undefined` for no bound. */
  readonly budgetBytes: number | undefined;
  /** How many slots there are by now, and how many there will be. */
  readonly slots: () => { readonly open: number; readonly planned: number };
  readonly residentBytes: () => number;
  /** A generation has left every worker. */
  readonly forget: (generation: number) => void;
  /** Whether requests wait for a slot. */
  readonly pressing: () => boolean;
}

/** A load that somebody wants. */
export interface LoadOrder {
  readonly plan: PlannedVersion;
  /** What goes on serving until the new generation takes over. */
  readonly kept: Resident | undefined;
  /** From an earlier load of the same files. */
  readonly known: Known | undefined;
  /** How long an earlier load took, in ms; 0 where none is known. */
  readonly tookMs: number;
  /** Whether somebody still wants it, asked when its turn has come. */
  readonly wanted: () => boolean;
}

export interface Known {
  readonly bytes: number;
  readonly verdict: Verdict;
}

export type LoadResult =
  | { readonly kind: "loaded"; readonly resident: Resident; readonly times: LoadTimes }
  /** `passing`: it may go well the next time. */
  | { readonly kind: "refused"; readonly reason: string; readonly passing: boolean }
  | { readonly kind: "unwanted" };

interface Job {
  readonly order: LoadOrder;
  readonly modelPath: string;
  readonly resolve: (result: LoadResult) => void;
}

/**
 * Brings models into the workers and out again, within the budget. One load at a time, in the order
 * of asking, so that each can be weighed alone and requests have their turns between; unloads wait
 * for nothing but the model's own leases.
 */
export class Loader {
  readonly residents = new Set<Resident>();
  readonly #ports: LoaderPorts;
  readonly #uses = new UseClock();
  readonly #jobs: Job[] = [];
  #loading = false;
  #generations = 0;
  #unloads = 0;
  #aheadMs = 0;
  /** Whether a model was ever loaded. */
  #begun = false;
  /** Set while a load waits for some model to become idle. */
  #whenIdle: (() => void) | undefined;
  /** What is loaded weighs more than it may; what becomes idle goes. */
  #over = false;
  /** Makes an idle model leave; set by the repository, which owns the states. */
  #evict: (resident: Resident) => Promise<void> = () => Promise.resolve();

  constructor(ports: LoaderPorts) {
    this.#ports = ports;
    this.#uses.onIdle = () => {
      if (this.#whenIdle !== undefined) this.#whenIdle();
      else if (this.#over) void this.trim();
    };
  }

  onEvict(evict: (resident: Resident) => Promise<void>): void {
    this.#evict = evict;
  }

  /** What is loaded weighs together. */
  get bytes(): number {
    let bytes = 0;
    for (const resident of this.residents) bytes += resident.bytes;
    return bytes;
  }

  /** How long the loads that wait are known to take. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** Models that are elsewhere come side by side, before their turn to be loaded. */
  async load(order: LoadOrder): Promise<LoadResult> {
    let brought: Brought | undefined;
    try {
      brought = await order.plan.bring?.();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return refusal(error.message, mayPass(error.kind));
    }
    const result = await this.#enqueue(order, brought);
    if (result.kind === "loaded") result.resident.brought = brought;
    else await brought?.release();
    return result;
  }

  #enqueue(order: LoadOrder, brought: Brought | undefined): Promise<LoadResult> {
    return new Promise((resolve) => {
      this.#jobs.push({ order, modelPath: brought?.modelPath ?? order.plan.modelPath, resolve });
      this.#aheadMs += order.tookMs;
      void this.#work();
    });
  }

  /** Waits until nobody holds it, then takes it out of every worker. No lease may be given anew. */
  async unload(resident: Resident): Promise<void> {
    resident.phase = "leaving";
    await resident.idle();
    const { generation } = resident.model;
    this.#unloads += 1;
    await this.#ports.executor.unload(generation);
    await resident.brought?.release();
    this.residents.delete(resident);
    this.#ports.forget(generation);
    this.#uses.onIdle();
  }

  async #work(): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      const began = this.#ports.clock.nowMs();
      await this.#perform(job);
      this.#aheadMs -= job.order.tookMs;
      await this.#giveWay(this.#ports.clock.nowMs() - began);
    }
    this.#loading = false;
  }

  async #perform({ order, modelPath, resolve }: Job): Promise<void> {
    const refused = await this.#makeRoom(order);
    if (!order.wanted()) return resolve({ kind: "unwanted" });
    if (refused !== undefined) return resolve(refused);
    const before = this.#ports.residentBytes();
    // With the first load much else grows that stays.
    const first = !this.#begun;
    this.#begun = true;
    const unloads = this.#unloads;
    const result = await this.#execute(order, modelPath);
    resolve(result);
    if (result.kind !== "loaded") return;
    const { resident } = result;
    await this.#ports.executor.filled(resident.model.generation);
    if (!first && this.#unloads === unloads && order.known === undefined) {
      this.#weigh(resident, this.#ports.residentBytes() - before);
    }
    await this.trim();
  }

  async #execute(order: LoadOrder, modelPath: string): Promise<LoadResult> {
    const { plan, known } = order;
    const { settings } = plan;
    const { instances, threads, warmUpRows } = settings;
    this.#generations += 1;
    const generation = this.#generations;
    const outcome = await this.#ports.executor.load({
      generation,
      modelPath,
      ...(instances === undefined ? {} : { instances }),
      ...(threads === undefined ? {} : { threads }),
      ...(warmUpRows === undefined ? {} : { warmUpRows }),
    });
    if (outcome.kind === "refused") {
      return { kind: "refused", reason: outcome.reason, passing: outcome.passing === true };
    }
    const fitted = fitSignature(outcome.signature, settings, this.#ports.habits);
    if (fitted.kind === "misfit") {
      await this.#ports.executor.unload(generation);
      return { kind: "refused", reason: fitted.reason, passing: false };
    }
    this.#logReady(plan, outcome);
    const model: LoadedModel = {
      name: plan.name,
      version: plan.version,
      generation,
      platform: settings.platform ?? outcome.platform,
      signature: fitted.signature,
      ...(settings.rowsMax === undefined ? {} : { rowsMax: settings.rowsMax }),
      verdict: settings.batching === "off" ? switchedOff : (known?.verdict ?? pending),
    };
    const resident = new Resident(model, plan, this.#estimate(order), this.#uses);
    this.residents.add(resident);
    return { kind: "loaded", resident, times: outcome.times };
  }

  /** What a model will weigh, as far as one can know before it is loaded. */
  #estimate({ plan, known }: LoadOrder): number {
    return known?.bytes ?? this.#fromFile(plan);
  }

  #fromFile(plan: PlannedVersion): number {
    return Math.ceil(plan.bytes * modelBytesFactor + sessionBytesMin) * this.#slotsFor(plan);
  }

  #slotsFor({ settings }: PlannedVersion): number {
    return Math.min(this.#ports.slots().planned, settings.instances ?? Number.POSITIVE_INFINITY);
  }

  /** Growth is only ever too small where memory was used again, too large where others grew. */
  #weigh(resident: Resident, growthBytes: number): void {
    const { open, planned } = this.#ports.slots();
    const most = resident.bytes * growthFactorMax + growthBytesSlack;
    const inAll = growthBytes * (Math.max(planned, open) / Math.max(open, 1));
    resident.bytes = Math.max(resident.bytes, Math.min(inAll, most));
  }

  async #makeRoom(order: LoadOrder): Promise<LoadResult | undefined> {
    const { budgetBytes, clock } = this.#ports;
    if (budgetBytes === undefined) return undefined;
    let bytes = this.#estimate(order);
    const untilMs = clock.nowMs() + roomWaitMsMax;
    while (order.wanted()) {
      const room = roomFor(bytes, budgetBytes, this.residents, order.kept);
      switch (room.kind) {
        case "room":
          if (room.victims.length === 0) return undefined;
          await Promise.all(room.victims.map((victim) => this.#evict(victim)));
          break;
        case "never":
          // It was weighed with what grew beside it. Its file fits, so it is let in alone.
          if (bytes > room.availableBytes && this.#fromFile(order.plan) <= room.availableBytes) {
            bytes = room.availableBytes;
            break;
          }
          return refusal(tooLarge(bytes, budgetBytes, room.availableBytes), false);
        case "busy":
          if (clock.nowMs() >= untilMs) {
            return refusal("the models that would have to make room for it are in use", true);
          }
          await this.#somethingIdle(untilMs - clock.nowMs());
          break;
        default:
          return room satisfies never;
      }
    }
    return undefined;
  }

  /** Where models turned out to be heavier than they were taken for, the idle ones go. */
  async trim(): Promise<void> {
    const { budgetBytes } = this.#ports;
    if (budgetBytes === undefined) return;
    this.#over = this.bytes > budgetBytes;
    if (!this.#over) return;
    const victims = surplus(budgetBytes, this.residents);
    await Promise.all(victims.map((victim) => this.#evict(victim)));
  }

  /** Resolves when some model became idle or left, or after a time. */
  #somethingIdle(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#whenIdle = undefined;
        resolve();
      };
      this.#whenIdle = done;
      this.#ports.clock.after(waitMs, () => {
        if (this.#whenIdle === done) done();
      });
    });
  }

  /** Where requests wait for a slot, loads take no more than half of its time. */
  async #giveWay(tookMs: number): Promise<void> {
    const { clock, pressing } = this.#ports;
    await new Promise<void>((resolve) => clock.endOfTurn(resolve));
    const untilMs = clock.nowMs() + Math.min(tookMs, loadBackoffMsMax);
    while (pressing() && clock.nowMs() < untilMs) {
      await new Promise<void>((resolve) => clock.after(1, resolve));
    }
  }

  #logReady({ name, version }: PlannedVersion, outcome: Loaded): void {
    const { log } = this.#ports;
    log.write("info", "model ready", { model: name, version, ...outcome.times });
    if (outcome.warmUpFailure === undefined) return;
    log.write("info", "warm-up with zeros failed; the first request will be slower", {
      model: name,
      version,
      detail: outcome.warmUpFailure,
    });
  }
}

type Loaded = Extract<Awaited<ReturnType<Executor["load"]>>, { kind: "loaded" }>;

const pending: Verdict = { kind: "pending" };
const switchedOff: Verdict = { kind: "single", reason: "merging is switched off for this model" };

function refusal(reason: string, passing: boolean): LoadResult {
  return { kind: "refused", reason, passing };
}

function tooLarge(bytes: number, budgetBytes: number, availableBytes: number): string {
  return (
    `it needs about ${mebibytes(bytes)}, but of the memory budget of ${mebibytes(budgetBytes)} ` +
    `at most ${mebibytes(availableBytes)} can be made free; raise --memory-budget`
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
