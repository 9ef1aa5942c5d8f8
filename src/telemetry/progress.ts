import type { Clock } from "../domain/clock.ts";
import { MiB, progressLogMs } from "../domain/limits.ts";
import type { Log } from "../domain/ports.ts";
import type { PullProgress } from "../domain/storage.ts";
import { progressBar } from "./progress-bar.ts";

/**
 * Writes a pull's beginning, a line now and then, and its end, with its rate; on a terminal, which
 * `draw` writes to, a bar and the end.
 */
export function progressLog(
  source: string,
  log: Log,
  clock: Clock,
  draw?: (text: string) => void,
): (progress: PullProgress) => void {
  const drawn = draw === undefined ? undefined : progressBar(draw);
  const startMs = clock.nowMs();
  let lastMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    drawn?.(progress);
    const { bytes, bytesDone, files, filesDone } = progress;
    const nowMs = clock.nowMs();
    const done = filesDone === files;
    if (!done && (drawn !== undefined || nowMs - lastMs < progressLogMs)) return;
    lastMs = nowMs;
    const ms = nowMs - startMs;
    const percent = bytes === 0 ? 100 : Math.floor((100 * bytesDone) / bytes);
    const mibPerSecond = ms === 0 ? 0 : bytesDone / MiB / (ms / 1_000);
    const fields = { source, percent, bytesDone, bytes, files, mibPerSecond, ms };
    log.write("info", done ? "pulled" : "pulling", fields);
  };
}
