import type { Log } from "../domain/ports.ts";
import type { Pace } from "./retry.ts";

export interface StorageOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cacheFolder: string;
  readonly cacheBytesMax: number;
  /** Nothing is asked of any store: what the cache has is served. */
  readonly offline: boolean;
  readonly log: Log;
  /** Waiting and chance, the real ones by default. */
  readonly pace?: Pace;
  /** How long a store may send nothing. */
  readonly idleMsMax?: number;
  /** How long a pull may get on too slowly. */
  readonly slowMsMax?: number;
}
