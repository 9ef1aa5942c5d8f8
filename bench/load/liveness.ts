import { answerOf, RestLane } from "./lanes.ts";

const everyMs = 20;
const probe = Buffer.from("GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");

export interface Liveness {
  readonly probes: number;
  /** Those without a 200. */
  readonly failed: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Asks whether a server lives, as a kubelet would but more often, while `during` runs. */
export async function watchLiveness(port: number, during: Promise<unknown>): Promise<Liveness> {
  const lane = new RestLane(port);
  const times: number[] = [];
  let failed = 0;
  let over = false;
  const end = () => {
    over = true;
  };
  during.then(end, end);
  while (!over) {
    const start = performance.now();
    const { status } = await answerOf(lane, probe);
    const took = performance.now() - start;
    times.push(took);
    if (status !== 200) failed += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, everyMs - took)));
  }
  lane.close();
  times.sort((a, b) => a - b);
  const p99Ms = times[Math.ceil(0.99 * times.length) - 1] ?? Number.NaN;
  return { probes: times.length, failed, p99Ms, maxMs: times.at(-1) ?? Number.NaN };
}
