import { type Call, cancelledError, deadlineError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ServingError } from "../domain/error.ts";
import { deadlineSweepMs, loadWaitersMax } from "../domain/limits.ts";
import type { Lease } from "../domain/model.ts";
import type { Resident } from "./resident.ts";

interface Waiter {
  readonly call: Call;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: ServingError) => void;
}

/** Requests that wait for one version to be loaded. */
export class Waiters {
  readonly #room: WaitingRoom;
  readonly #waiters = new Set<Waiter>();

  constructor(room: WaitingRoom) {
    this.#room = room;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Rejects at the call's deadline, or when it is cancelled. Throws `overloaded`. */
  add(call: Call): Promise<Lease> {
    this.#room.enter(this);
    return new Promise((resolve, reject) => {
      const waiter = { call, resolve, reject };
      this.#waiters.add(waiter);
      call.onCancel(() => this.#leave(waiter, cancelledError()));
    });
  }

  /** Everybody gets a lease, at once: nobody can unload the model before they use it. */
  serve(resident: Resident): void {
    for (const waiter of this.#waiters) {
      this.#forget(waiter);
      waiter.resolve(resident.lease());
    }
  }

  refuse(error: ServingError): void {
    for (const waiter of this.#waiters) this.#leave(waiter, error);
  }

  /** Answers those whose deadline has passed. */
  sweep(nowMs: number): void {
    for (const waiter of this.#waiters) {
      if (nowMs >= waiter.call.deadlineMs) this.#leave(waiter, deadlineError());
    }
  }

  #leave(waiter: Waiter, error: ServingError): void {
    this.#forget(waiter);
    waiter.reject(error);
  }

  #forget(waiter: Waiter): void {
    waiter.call.onCancel(undefined);
    this.#waiters.delete(waiter);
    this.#room.leave(this);
  }
}

/** All who wait, of all models: bounded together, and looked after by one timer. */
export class WaitingRoom {
  #size = 0;
  #sweeping = false;
  readonly #occupied = new Set<Waiters>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  enter(waiters: Waiters): void {
    if (this.#size >= loadWaitersMax) {
      throw new ServingError(
        "overloaded",
        `Exceeds maximum queue size: at most ${loadWaitersMax} requests wait for models`,
      );
    }
    this.#size += 1;
    this.#occupied.add(waiters);
    this.#scheduleSweep();
  }

  leave(waiters: Waiters): void {
    this.#size -= 1;
    if (waiters.size === 0) this.#occupied.delete(waiters);
  }

  #scheduleSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(deadlineSweepMs, () => {
      this.#sweeping = false;
      const now = this.#clock.nowMs();
      for (const waiters of this.#occupied) waiters.sweep(now);
      if (this.#size > 0) this.#scheduleSweep();
    });
  }
}
