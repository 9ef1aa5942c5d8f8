import type { Readable } from "node:stream";
import { pullBytesPerMsSlow } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";

/**
 * Whether a pull gets on: all of its connections together, since a slow line is shared by them.
 * A store that sends a byte now and then is never idle, and would hold a pull until its deadline.
 */
export class Speed {
  readonly #windowMs: number;
  #bytes = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Ends a body with `unavailable` while too little comes; returns how to look no longer. */
  watch(body: Readable): () => void {
    let before = this.#bytes;
    const timer = setInterval(() => {
      const perMs = (this.#bytes - before) / this.#windowMs;
      before = this.#bytes;
      if (perMs >= pullBytesPerMsSlow) return;
      const kilobytes = (perMs * 1_000) / 1_024;
      const what = `it sends ${kilobytes.toFixed(1)} KiB a second, too slowly to wait for`;
      body.destroy(new StorageError("unavailable", what));
    }, this.#windowMs);
    return () => clearInterval(timer);
  }
}
