import type { ModelName } from "../domain/model.ts";
import type { PlannedModel, PlannedVersion } from "./plan.ts";
import type { Goal, Version } from "./version.ts";

/** A model with its versions: which serves requests that name none, and who follows whom. */
export class Model {
  readonly name: ModelName;
  readonly versions = new Map<number, Version>();
  /** Not in its policy any more; they go when others are ready to take over. */
  readonly #leaving = new Set<Version>();
  #serving: Version | undefined;

  constructor(name: ModelName) {
    this.name = name;
  }

  /** The highest version that is ready, else the highest that is to stay. */
  get serving(): Version | undefined {
    return this.#serving;
  }

  /** Called after every change of a version's state or place. */
  choose(): void {
    const all = [...this.versions.values()];
    this.#serving =
      highest(all.filter(({ state }) => state.kind === "ready")) ??
      highest(all.filter((version) => !this.#leaving.has(version))) ??
      highest(all);
  }

  /**
   * Takes a new plan over. Versions that are in memory, or on their way there, are followed by
   * others that are loaded, too. Returns every version to be looked at.
   */
  replan(plan: PlannedModel, goal: Goal, make: (plan: PlannedVersion, goal: Goal) => Version) {
    const wanted = new Set(plan.versions.map(({ version }) => version));
    const awake = [...this.versions.values()].some(
      ({ state: { kind } }) => kind === "ready" || kind === "loading",
    );
    for (const version of this.versions.values()) {
      if (!wanted.has(version.plan.version)) this.#leaving.add(version);
    }
    for (const next of plan.versions) {
      const version = this.versions.get(next.version);
      if (version === undefined) {
        this.versions.set(next.version, make(next, awake ? "loaded" : goal));
        continue;
      }
      this.#leaving.delete(version);
      if (version.goal === "gone") version.goal = goal;
      if (version.plan.fingerprint === next.fingerprint) continue;
      version.replan(next);
      // What the operator took away stays away.
      if (version.goal !== "off") version.goal = awake ? "loaded" : goal;
    }
    this.choose();
    return [...this.versions.values()];
  }

  /** Versions that nobody needs any more: one that stays is ready, or none of them is. */
  successions(): readonly Version[] {
    if (this.#leaving.size === 0) return [];
    const all = [...this.versions.values()];
    const ready = (version: Version) => version.state.kind === "ready";
    const taken = all.some(
      (version) => ready(version) && version.goal !== "gone" && !this.#leaving.has(version),
    );
    const coming = all.length > this.#leaving.size;
    const going = [...this.#leaving].filter((one) => taken || !coming || !ready(one));
    for (const version of going) {
      this.#leaving.delete(version);
      version.goal = "gone";
    }
    return going;
  }

  remove(version: Version): void {
    if (this.versions.get(version.plan.version) === version) {
      this.versions.delete(version.plan.version);
    }
    this.#leaving.delete(version);
    this.choose();
  }
}

function highest(versions: readonly Version[]): Version | undefined {
  let found: Version | undefined;
  for (const version of versions) {
    if (found === undefined || version.plan.version > found.plan.version) found = version;
  }
  return found;
}
