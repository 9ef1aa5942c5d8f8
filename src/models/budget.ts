/**
 * Which models make room for another. Pure: weights in, names of victims out.
 */

/** A loaded model as the budget sees it. */
export interface Weighed {
  readonly bytes: number;
  readonly leases: number;
  readonly pinned: boolean;
  readonly phase: Phase;
  /** Higher for what was used later. */
  readonly used: number;
}

/**
 * Only what serves can be a victim: what is arriving or changing is in somebody's hands, and what
 * is leaving goes by itself.
 */
export type Phase = "arriving" | "serving" | "changing" | "leaving";

export type Room<T> =
  /** Unload these, the least recently used first; none where there is room already. */
  | { readonly kind: "room"; readonly victims: readonly T[] }
  /** There will be, once models that are in use are idle. */
  | { readonly kind: "busy" }
  /** Never: what is pinned leaves less than that. */
  | { readonly kind: "never"; readonly availableBytes: number };

/**
 * Room for `bytes` more within `budgetBytes`. `kept` stays whatever it costs: the generation whose
 * successor is being loaded.
 */
export function roomFor<T extends Weighed>(
  bytes: number,
  budgetBytes: number,
  residents: Iterable<T>,
  kept?: T,
): Room<T> {
  const all = [...residents];
  const total = sum(all);
  if (total + bytes <= budgetBytes) return { kind: "room", victims: [] };
  const movable = all.filter((one) => one.phase === "leaving" || (!one.pinned && one !== kept));
  const availableBytes = budgetBytes - (total - sum(movable));
  if (bytes > availableBytes) return { kind: "never", availableBytes: Math.max(0, availableBytes) };
  const victims = leastUsed(movable, total + bytes - budgetBytes);
  const freed = sum(victims);
  return total + bytes - freed <= budgetBytes ? { kind: "room", victims } : { kind: "busy" };
}

/** Idle models that make what is loaded fit again, as far as there are any. */
export function surplus<T extends Weighed>(budgetBytes: number, residents: Iterable<T>): T[] {
  const all = [...residents];
  const going = sum(all.filter(({ phase }) => phase === "leaving"));
  return leastUsed(
    all.filter(({ pinned }) => !pinned),
    sum(all) - going - budgetBytes,
  );
}

/** Idle models of `bytes` or more together, the least recently used first. */
function leastUsed<T extends Weighed>(from: readonly T[], bytes: number): T[] {
  const idle = from
    .filter(({ leases, phase }) => leases === 0 && phase === "serving")
    .sort((a, b) => a.used - b.used);
  const victims: T[] = [];
  let left = bytes;
  for (const one of idle) {
    if (left <= 0) break;
    victims.push(one);
    left -= one.bytes;
  }
  return victims;
}

function sum(residents: readonly Weighed[]): number {
  return residents.reduce((total, { bytes }) => total + bytes, 0);
}
