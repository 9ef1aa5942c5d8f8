import type { ModelName } from "../domain/model.ts";
import { type ModelSettings, noSettings } from "./settings.ts";

/** A version of a model as it is to be served. */
export interface PlannedVersion {
  readonly name: ModelName;
  readonly version: number;
  /** Of a model that is elsewhere: below its source. */
  readonly modelPath: string;
  /** Brings it here, where it is elsewhere. Rejects with StorageError. */
  readonly bring?: () => Promise<Brought>;
  /** Of its files together. */
  readonly bytes: number;
  /** Another one where its files or its settings are others. */
  readonly fingerprint: string;
  readonly settings: ModelSettings;
  /** Stays in memory whatever else needs it. */
  readonly pinned: boolean;
}

/** A model's files on this machine, which may go away after the release. */
export interface Brought {
  readonly modelPath: string;
  release(): Promise<void>;
}

/** A model with the versions of it that its policy has chosen, in ascending order. */
export interface PlannedModel {
  readonly name: ModelName;
  readonly versions: readonly PlannedVersion[];
}

export type PlanParts = Pick<PlannedVersion, "name" | "version" | "modelPath"> &
  Partial<PlannedVersion>;

/** A plan for one file, of which nothing else is known. */
export function planOf(parts: PlanParts): PlannedVersion {
  return { bytes: 0, fingerprint: "", settings: noSettings, pinned: true, ...parts };
}
