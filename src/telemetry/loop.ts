import { monitorEventLoopDelay } from "node:perf_hooks";

const resolutionMs = 20;

/** How late the event loop is, from now on: a function that gives the p99 since its last call. */
export function watchEventLoop(): () => number {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  return () => {
    // Each sample is the time from one timer to the next.
    const seconds = delays.percentile(99) / 1e9 - resolutionMs / 1e3;
    delays.reset();
    return Math.max(0, seconds);
  };
}
