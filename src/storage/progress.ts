import { progressMs } from "../domain/limits.ts";
import type { PullProgress } from "../domain/storage.ts";

/** Counts what came, and says so a few times a second. */
export class ProgressMeter {
  readonly #total: Pick<PullProgress, "files" | "bytes">;
  readonly #tell: ((progress: PullProgress) => void) | undefined;
  #bytesDone = 0;
  #filesDone = 0;
  #toldMs = 0;

  constructor(
    total: Pick<PullProgress, "files" | "bytes">,
    tell: ((progress: PullProgress) => void) | undefined,
  ) {
    this.#total = total;
    this.#tell = tell;
  }

  add(bytes: number): void {
    this.#bytesDone += bytes;
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < progressMs) return;
    this.#toldMs = nowMs;
    this.#say();
  }

  fileDone(): void {
    this.#filesDone += 1;
  }

  /** All is there, whether it was pulled or in the cache. */
  end(): void {
    this.#bytesDone = Math.max(this.#bytesDone, this.#total.bytes);
    this.#filesDone = this.#total.files;
    this.#say();
  }

  #say(): void {
    const bytesDone = this.#bytesDone;
    this.#tell?.({ ...this.#total, bytesDone, filesDone: this.#filesDone });
  }
}
