import type { Call } from "../domain/call.ts";
import { assert, type ServingError } from "../domain/error.ts";
import type { LoadedModel } from "../domain/model.ts";
import type { Tensor } from "../domain/tensor.ts";

/**
 * A request between admission and answer.
 *
 *   queued ──→ dispatched ──→ settled
 *      └──────────────────────→┘
 *
 * `settle` is the only function that answers, and it answers once. What the request holds (lease,
 * permit) is given back by `finish`: at once when it never ran, else when its run is over, since an
 * abandoned run still holds its slot.
 */
export class Entry {
  readonly model: LoadedModel;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly call: Call;
  /** When it came, on the clock's scale. */
  readonly admittedMs: number;
  /** Until when it may wait in the queue, on the clock's scale. */
  readonly queueUntilMs: number;
  /** Which queue it waits in, and its rows; 0 where it runs alone (`serving/merge.ts`). */
  key = "";
  rows = 0;
  /** How long its rows are expected to take, in ms (`serving/backlog.ts`). */
  costMs = 0;
  /** Neighbours in the queue; a queue of linked entries cancels in constant time. */
  previous: Entry | undefined;
  next: Entry | undefined;
  #state: "queued" | "dispatched" | "settled" = "queued";
  #running = false;
  readonly #answer: (outcome: Answer) => void;
  readonly #giveBack: () => void;

  constructor(work: Work) {
    this.model = work.model;
    this.inputs = work.inputs;
    this.outputs = work.outputs;
    this.call = work.call;
    this.admittedMs = work.admittedMs;
    this.queueUntilMs = work.queueUntilMs;
    this.#answer = work.answer;
    this.#giveBack = work.giveBack;
  }

  get state(): "queued" | "dispatched" | "settled" {
    return this.#state;
  }

  /** Dispatched, and its run is not over. */
  get running(): boolean {
    return this.#running;
  }

  dispatch(): void {
    assert(this.#state === "queued", `a ${this.#state} entry was dispatched`);
    this.#state = "dispatched";
    this.#running = true;
  }

  /** Answers, unless it was answered before; then says so by returning false. */
  settle(outcome: Answer): boolean {
    if (this.#state === "settled") return false;
    this.#state = "settled";
    this.call.onCancel(undefined);
    if (!this.#running) this.#giveBack();
    this.#answer(outcome);
    return true;
  }

  /** The run is over: what the entry held goes back. */
  finish(): void {
    assert(this.#running && this.#state === "settled", "an entry finished before its answer");
    this.#running = false;
    this.#giveBack();
  }
}

export type Answer =
  | { readonly kind: "outputs"; readonly outputs: readonly Tensor[]; readonly charge: Charge }
  | { readonly kind: "error"; readonly error: ServingError };

/** What a run costs each of its requests; on the clock's scale where it is a moment. */
export interface Charge {
  /** When the worker began. */
  readonly startMs: number;
  /** Joining and copying in. */
  readonly inputMs: number;
  /** ONNX Runtime. */
  readonly inferMs: number;
  /** Copying out and taking apart. */
  readonly outputMs: number;
}

export interface Work {
  readonly model: LoadedModel;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly call: Call;
  readonly admittedMs: number;
  readonly queueUntilMs: number;
  readonly answer: (outcome: Answer) => void;
  readonly giveBack: () => void;
}
