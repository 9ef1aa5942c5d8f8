import { type Answer, GrpcLane, type Lane, RestLane } from "./lanes.ts";

/** Closed loops, where a lane waits for its answer, and open ones, where requests come by time. */

export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Round {
  readonly perSecond: number;
  readonly latencies: Latencies;
  /** Answers by status, as text. */
  readonly statuses: Readonly<Record<string, number>>;
}

export interface Flood {
  /** What was sent, since a generator may be too slow for what was asked of it. */
  readonly sentPerSecond: number;
  /** Due while every lane was taken; never sent. */
  readonly unsent: number;
  /** Latencies from when a request was due, by status. */
  readonly byStatus: Readonly<Record<string, Latencies>>;
  /** Good answers that came within the time, and their rate. */
  readonly goodPerSecond: number;
}

export function isGood(lane: Lane, { status }: Answer): boolean {
  return status === (lane instanceof RestLane ? 200 : 0);
}

function latenciesOf(values: readonly number[]): Latencies {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

class Tally {
  readonly #byStatus = new Map<number, number[]>();

  add(status: number, ms: number): void {
    const values = this.#byStatus.get(status);
    if (values === undefined) this.#byStatus.set(status, [ms]);
    else values.push(ms);
  }

  byStatus(): Record<string, Latencies> {
    return Object.fromEntries(
      [...this.#byStatus].map(([status, values]) => [String(status), latenciesOf(values)]),
    );
  }

  all(): Latencies {
    return latenciesOf([...this.#byStatus.values()].flat());
  }
}

/** When a closed loop stops sending; what is under way then is still awaited and counted. */
export type Until = { readonly ms: number } | { readonly requests: number };

export function closedLoop(lanes: readonly Lane[], request: Buffer, until: Until): Promise<Round> {
  const tally = new Tally();
  const start = performance.now();
  const requestsMax = "requests" in until ? until.requests : Number.POSITIVE_INFINITY;
  const endMs = "ms" in until ? start + until.ms : Number.POSITIVE_INFINITY;
  let sent = 0;
  let busy = 0;
  return new Promise((resolve) => {
    const finish = () => {
      const latencies = tally.all();
      const byStatus = Object.entries(tally.byStatus());
      const statuses = Object.fromEntries(byStatus.map(([status, { count }]) => [status, count]));
      const seconds = (performance.now() - start) / 1_000;
      resolve({ perSecond: latencies.count / seconds, latencies, statuses });
    };
    const next = (lane: Lane) => {
      const sentMs = performance.now();
      sent += 1;
      lane.send(request, ({ status }) => {
        const nowMs = performance.now();
        tally.add(status, nowMs - sentMs);
        if (nowMs < endMs && sent < requestsMax) {
          // A lost connection comes back in a turn of its own, or it would loop for ever.
          if (status < 0) setImmediate(next, lane);
          else next(lane);
          return;
        }
        busy -= 1;
        if (busy === 0) finish();
      });
    };
    for (const lane of lanes.slice(0, requestsMax)) {
      busy += 1;
      next(lane);
    }
  });
}

/** Sent in one turn at most, so that answers are read between. */
const burstMax = 64;

/** Requests at their times whatever becomes of those before; resolves when all are answered. */
export function openLoop(
  lanes: readonly Lane[],
  request: Buffer,
  perSecond: number,
  ms: number,
): Promise<Flood> {
  const tally = new Tally();
  const start = performance.now();
  const total = Math.round((perSecond * ms) / 1_000);
  const idle = [...lanes];
  let due = 0;
  let sent = 0;
  let answered = 0;
  let good = 0;
  let sentMs = ms;
  return new Promise((resolve) => {
    const finishWhenDone = () => {
      if (due < total || answered < sent) return;
      resolve({
        sentPerSecond: sent / (sentMs / 1_000),
        unsent: total - sent,
        byStatus: tally.byStatus(),
        goodPerSecond: good / (sentMs / 1_000),
      });
    };
    const sendOne = () => {
      const dueMs = start + (due / perSecond) * 1_000;
      due += 1;
      const lane = idle.pop();
      if (lane === undefined) return;
      sent += 1;
      lane.send(request, (answer) => {
        const nowMs = performance.now();
        tally.add(answer.status, nowMs - dueMs);
        // A generator that lags has its own end: what was offered until then counts.
        if (isGood(lane, answer) && (due < total || nowMs < start + sentMs)) good += 1;
        answered += 1;
        idle.push(lane);
        finishWhenDone();
      });
    };
    const turn = () => {
      const wanted = Math.min(total, ((performance.now() - start) * perSecond) / 1_000);
      for (let burst = 0; due < wanted && burst < burstMax; burst += 1) sendOne();
      if (due < total) {
        if (due < wanted) setImmediate(turn);
        else setTimeout(turn, 1);
        return;
      }
      sentMs = Math.max(ms, performance.now() - start);
      finishWhenDone();
    };
    turn();
  });
}

export function restLanes(port: number, count: number): RestLane[] {
  return Array.from({ length: count }, () => new RestLane(port));
}

export function grpcLanes(
  sessions: readonly ConstructorParameters<typeof GrpcLane>[0][],
  count: number,
): GrpcLane[] {
  const shared = sessions.map((session) => new GrpcLane(session));
  return Array.from({ length: count }, (_, at) => shared[at % shared.length]).filter(
    (lane) => lane !== undefined,
  );
}
