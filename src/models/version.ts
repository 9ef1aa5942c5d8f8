import type { Clock } from "../domain/clock.ts";
import { loadAttemptsMax, loadBackoffMsBase, loadBackoffMsMax } from "../domain/limits.ts";
import type { LoadTimes } from "../domain/ports.ts";
import { Lifecycle, type VersionState } from "./lifecycle.ts";
import type { Known } from "./loader.ts";
import type { PlannedVersion } from "./plan.ts";
import { Waiters, type WaitingRoom } from "./waiters.ts";

/**
 * What is to become of a version: it stays loaded; it is loaded for requests and may go again; the
 * operator took it away; it is to be forgotten.
 */
export type Goal = "loaded" | "lazy" | "off" | "gone";

/** A version of a model: what it is to be, what it is, and who waits for it. */
export class Version {
  plan: PlannedVersion;
  goal: Goal;
  readonly lifecycle: Lifecycle;
  readonly waiters: Waiters;
  /** The load or unload that is under way; nobody else begins one. */
  step: Promise<void> | undefined;
  /** Loads of the present plan that failed, one after the other. */
  failures = 0;
  /** Why the last one did; the version may be ready all the same, by an older generation. */
  failure: string | undefined;
  /** Whether that failure may pass by itself. */
  passing = false;
  /** Not to be tried again before, on the clock's scale. */
  retryMs = Number.NEGATIVE_INFINITY;
  /** Of the last load that went well. */
  times: LoadTimes | undefined;
  /** How long that took. */
  tookMs = 0;
  /** What was learned of the present plan. */
  known: Known | undefined;

  constructor(
    plan: PlannedVersion,
    goal: Goal,
    room: WaitingRoom,
    onChange: (version: Version, state: VersionState) => void,
  ) {
    this.plan = plan;
    this.goal = goal;
    this.waiters = new Waiters(room);
    this.lifecycle = new Lifecycle((state) => onChange(this, state));
  }

  get state(): VersionState {
    return this.lifecycle.state;
  }

  get busy(): boolean {
    return this.step !== undefined;
  }

  /** Whether somebody wants it in memory, and what is there is not what they want. */
  get lacking(): boolean {
    const wanted = this.goal === "loaded" || (this.goal === "lazy" && this.waiters.size > 0);
    if (this.state.kind !== "ready") return wanted;
    // A newer plan replaces what is loaded, unless that has failed for good.
    if (this.failures > 0 && !this.retried) return false;
    return this.state.resident.plan !== this.plan && this.goal !== "off" && this.goal !== "gone";
  }

  /** Its files or settings are others now. */
  replan(plan: PlannedVersion): void {
    this.plan = plan;
    this.known = undefined;
    this.forgive();
  }

  /** Whatever failed before does not count any more. */
  forgive(): void {
    this.failures = 0;
    this.failure = undefined;
    this.passing = false;
    this.retryMs = Number.NEGATIVE_INFINITY;
  }

  /** Whether it has failed, and is not tried again by itself or for a request just now. */
  resting(nowMs: number): boolean {
    return this.state.kind === "unavailable" && nowMs < this.retryMs && !this.retried;
  }

  /** Whether a load that failed is tried again without being asked. */
  get retried(): boolean {
    // What readiness depends on is tried for as long as that may help.
    return this.passing && (this.failures < loadAttemptsMax || this.plan.pinned);
  }

  /** A load failed: the next try waits, each time longer. */
  failed(reason: string, passing: boolean, clock: Clock): void {
    this.failure = reason;
    this.passing = passing;
    const backoffMs = Math.min(loadBackoffMsBase * 2 ** this.failures, loadBackoffMsMax);
    this.failures += 1;
    this.retryMs = clock.nowMs() + backoffMs;
  }
}
