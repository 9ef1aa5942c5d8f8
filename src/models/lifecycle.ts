import { assert } from "../domain/error.ts";
import type { Resident } from "./resident.ts";

/**
 * The states of a version of a model. Every change goes through `change`.
 *
 *   unknown ──→ loading ──→ ready ──→ unloading ──→ unknown | unavailable
 *      ↑           │        ↑ │ │
 *      │           ↓        └─┘ ↓    ready → ready: another generation took over
 *      └──── unavailable ←──────┘    unavailable → loading: tried again
 */
export type VersionState =
  /** Its files are known, and nothing else. */
  | { readonly kind: "unknown" }
  | { readonly kind: "loading" }
  /** While another generation is loaded beside it, and when that fails, it stays ready. */
  | { readonly kind: "ready"; readonly resident: Resident }
  | { readonly kind: "unloading" }
  /** `reason` is for the operator. */
  | { readonly kind: "unavailable"; readonly reason: string };

const successors: Readonly<Record<VersionState["kind"], readonly VersionState["kind"][]>> = {
  unknown: ["loading", "unavailable"],
  loading: ["ready", "unavailable", "unknown"],
  ready: ["ready", "unloading", "unavailable"],
  unloading: ["unknown", "unavailable"],
  unavailable: ["loading", "unknown", "unavailable"],
};

export class Lifecycle {
  #state: VersionState = { kind: "unknown" };
  readonly #onChange: (state: VersionState) => void;

  constructor(onChange: (state: VersionState) => void) {
    this.#onChange = onChange;
  }

  get state(): VersionState {
    return this.#state;
  }

  change(next: VersionState): void {
    const allowed = successors[this.#state.kind].includes(next.kind);
    assert(allowed, `a version went from ${this.#state.kind} to ${next.kind}`);
    this.#state = next;
    this.#onChange(next);
  }
}
