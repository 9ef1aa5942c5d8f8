import type { Log } from "../domain/ports.ts";

export interface StorageOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cacheFolder: string;
  readonly cacheBytesMax: number;
  /** Nothing is asked of any store: what the cache has is served. */
  readonly offline: boolean;
  readonly log: Log;
}
