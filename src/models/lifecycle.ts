import { assert } from "../domain/error.ts";
import type { LoadedModel } from "../domain/model.ts";

/**
 * The states of a version of a model. Every change goes through `change`.
 *
 *   unloaded ──→ loading ──→ ready ──→ unloading ──→ unloaded
 *                  │           │
 *                  └─→ failed ←┘   (loading again: failed ──→ loading)
 */
export type ModelState =
  | { readonly kind: "unloaded" }
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly model: LoadedModel }
  | { readonly kind: "unloading" }
  /** `reason` is for the operator. */
  | { readonly kind: "failed"; readonly reason: string };

const successors: Readonly<Record<ModelState["kind"], readonly ModelState["kind"][]>> = {
  unloaded: ["loading"],
  loading: ["ready", "failed"],
  ready: ["unloading", "failed"],
  unloading: ["unloaded"],
  failed: ["loading"],
};

/** The state of one version, and how many leases keep it. */
export class Lifecycle {
  #state: ModelState = { kind: "unloaded" };
  #leases = 0;
  readonly #onChange: (state: ModelState) => void;

  constructor(onChange: (state: ModelState) => void) {
    this.#onChange = onChange;
  }

  get state(): ModelState {
    return this.#state;
  }

  get leases(): number {
    return this.#leases;
  }

  change(next: ModelState): void {
    const allowed = successors[this.#state.kind].includes(next.kind);
    assert(allowed, `a model went from ${this.#state.kind} to ${next.kind}`);
    this.#state = next;
    this.#onChange(next);
  }

  lease(): void {
    this.#leases += 1;
  }

  release(): void {
    assert(this.#leases > 0, "a lease came back twice");
    this.#leases -= 1;
  }
}
