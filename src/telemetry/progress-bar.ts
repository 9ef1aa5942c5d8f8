import { MiB } from "../domain/limits.ts";
import type { PullProgress } from "../domain/storage.ts";

const width = 30;

/** A pull as a bar on a terminal, which is drawn over itself until all is there. */
export function progressBar(draw: (text: string) => void): (progress: PullProgress) => void {
  const startMs = performance.now();
  return ({ bytes, bytesDone, files, filesDone }) => {
    const share = bytes === 0 ? filesDone / Math.max(1, files) : Math.min(1, bytesDone / bytes);
    const full = Math.round(share * width);
    const seconds = (performance.now() - startMs) / 1_000;
    const rate = seconds === 0 ? 0 : bytesDone / MiB / seconds;
    const bar = `${"█".repeat(full)}${"░".repeat(width - full)}`;
    const amount = `${(bytesDone / MiB).toFixed(1)} of ${(bytes / MiB).toFixed(1)} MiB`;
    const text = `${bar} ${Math.floor(100 * share)} %  ${amount}  ${rate.toFixed(1)} MiB/s`;
    draw(`\r\x1b[K${text}${filesDone === files ? "\n" : ""}`);
  };
}
