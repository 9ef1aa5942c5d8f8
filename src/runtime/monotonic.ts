/**
 * Milliseconds on a scale that the threads of a process share. `performance.now()` counts from the
 * start of its own thread.
 */
export function sharedNowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
