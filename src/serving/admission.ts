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

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
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
    return new CountedPermit(
      bytes,
      (delta) => this.#grow(delta),
      (held) => this.#free(held),
    );
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
    if (this.#entries === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  #grow(bytes: number): void {
    if (bytes > 0 && this.#bytes + bytes > this.#limits.bytesMax) throw this.#refusal("bytes");
    this.#bytes += bytes;
  }

  #free(bytes: number): void {
    this.#entries -= 1;
    this.#bytes -= bytes;
    assert(this.#entries >= 0 && this.#bytes >= 0, "more permits came back than were given");
    if (this.#entries === 0) this.#whenEmpty?.();
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

class CountedPermit implements Permit {
  #holders = 1;
  #bytes: number;
  readonly #grow: (delta: number) => void;
  readonly #free: (bytes: number) => void;

  constructor(bytes: number, grow: (delta: number) => void, free: (bytes: number) => void) {
    this.#bytes = bytes;
    this.#grow = grow;
    this.#free = free;
  }

  resize(bytes: number): void {
    assert(this.#holders > 0, "a permit without holders was resized");
    this.#grow(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  hold(): void {
    assert(this.#holders > 0, "a permit that had come back was held again");
    this.#holders += 1;
  }

  release(): void {
    assert(this.#holders > 0, "a permit came back twice");
    this.#holders -= 1;
    if (this.#holders === 0) this.#free(this.#bytes);
  }
}
