import { assert, ServingError } from "../domain/error.ts";
import type { Admission, Permit } from "../domain/ports.ts";
import type { RefusalReason, Refusals } from "../domain/statistics.ts";

export interface AdmissionLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/**
 * The gate before any work: counts requests and their bytes, and refuses at once what goes beyond.
 * A permit is taken on the declared size before a body is read, and counts until the reply is
 * written and the run is over, whichever is later.
 */
export class AdmissionGate implements Admission {
  readonly #limits: AdmissionLimits;
  #entries = 0;
  #bytes = 0;
  readonly #refused = { requests: 0, bytes: 0, memory: 0, "shutting-down": 0 };
  #closed = false;
  #memoryFull = false;
  #whenEmpty: (() => void) | undefined;
  /** Permits without a place, and those of them that want theirs back, in that order. */
  #parked = 0;
  readonly #returning: (() => void)[] = [];

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that wait for a model. */
  get parked(): number {
    return this.#parked;
  }

  /** How many requests were refused, by reason. */
  get refused(): Refusals {
    return this.#refused;
  }

  acquire(bytes: number): Permit {
    const refused = this.refusal();
    if (refused !== undefined) throw refused;
    this.#grow(bytes);
    this.#entries += 1;
    return new CountedPermit(bytes, {
      grow: (delta) => this.#grow(delta),
      free: (held, parked) => this.#free(held, parked),
      park: () => this.#park(),
      unpark: () => this.#unpark(),
    });
  }

  refusal(): ServingError | undefined {
    if (this.#closed) return this.#refusal("shutting-down");
    if (this.#memoryFull) return this.#refusal("memory");
    if (this.#entries >= this.#limits.entriesMax) return this.#refusal("requests");
    return undefined;
  }

  /** While memory is short every request is refused. */
  refuse(memoryFull: boolean): void {
    this.#memoryFull = memoryFull;
  }

  /** From now on every request is refused. Resolves when the last permit has come back. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#entries + this.#parked === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  #grow(bytes: number): void {
    if (bytes > 0 && this.#bytes + bytes > this.#limits.bytesMax) throw this.#refusal("bytes");
    this.#bytes += bytes;
  }

  #free(bytes: number, parked: boolean): void {
    if (parked) this.#parked -= 1;
    else this.#entries -= 1;
    this.#bytes -= bytes;
    assert(
      this.#entries >= 0 && this.#parked >= 0 && this.#bytes >= 0,
      "more permits came back than were given",
    );
    this.#letReturn();
    if (this.#entries + this.#parked === 0) this.#whenEmpty?.();
  }

  #park(): void {
    this.#entries -= 1;
    this.#parked += 1;
    this.#letReturn();
  }

  #unpark(): Promise<void> {
    return new Promise((resolve) => {
      this.#returning.push(resolve);
      this.#letReturn();
    });
  }

  /** Permits that were parked go before new ones. */
  #letReturn(): void {
    while (this.#returning.length > 0 && this.#entries < this.#limits.entriesMax) {
      const resolve = this.#returning.shift();
      this.#entries += 1;
      this.#parked -= 1;
      resolve?.();
    }
  }

  #refusal(reason: RefusalReason): ServingError {
    this.#refused[reason] += 1;
    if (reason === "shutting-down") return new ServingError(reason, "the server is shutting down");
    return new ServingError("overloaded", `Exceeds maximum queue size: ${this.#limit(reason)}`);
  }

  #limit(reason: "requests" | "bytes" | "memory"): string {
    if (reason === "memory") return "the memory is full";
    const max = reason === "requests" ? this.#limits.entriesMax : this.#limits.bytesMax;
    return `the server holds at most ${max} ${reason} at a time`;
  }
}

/** What a permit tells its gate. */
interface Gate {
  readonly grow: (delta: number) => void;
  readonly free: (bytes: number, parked: boolean) => void;
  readonly park: () => void;
  readonly unpark: () => Promise<void>;
}

class CountedPermit implements Permit {
  #holders = 1;
  #bytes: number;
  #parked = false;
  /** Everybody let go while it was on its way back to a place. */
  #returning = false;
  readonly #gate: Gate;

  constructor(bytes: number, gate: Gate) {
    this.#bytes = bytes;
    this.#gate = gate;
  }

  resize(bytes: number): void {
    assert(this.#holders > 0, "a permit without holders was resized");
    this.#gate.grow(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  hold(): void {
    assert(this.#holders > 0, "a permit that had come back was held again");
    this.#holders += 1;
  }

  release(): void {
    assert(this.#holders > 0, "a permit came back twice");
    this.#holders -= 1;
    if (this.#holders === 0 && !this.#returning) this.#gate.free(this.#bytes, this.#parked);
  }

  park(): void {
    // Its client may have gone before the wait began.
    if (this.#holders === 0) return;
    assert(!this.#parked, "a parked permit was parked again");
    this.#parked = true;
    this.#gate.park();
  }

  async unpark(): Promise<void> {
    if (this.#holders === 0) return;
    assert(this.#parked && !this.#returning, "a permit with a place asked for one");
    this.#returning = true;
    await this.#gate.unpark();
    this.#returning = false;
    this.#parked = false;
    if (this.#holders === 0) this.#gate.free(this.#bytes, false);
  }
}
