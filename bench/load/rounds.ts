import type { Clients } from "./generate.ts";
import type { Round } from "./loops.ts";
import { machineCpuMs, type Server } from "./server.ts";

/** Variants in turn, so that whatever else the machine does meets them all. */

export interface Variant {
  readonly server: Server;
  readonly clients: Clients;
}

export interface Figures {
  readonly perSecond: number;
  /** Of the server's process. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPUs that other processes had meanwhile: with many the figures are theirs as much as ours. */
  readonly otherCpus: number;
}

export interface Plan {
  readonly rounds: number;
  readonly roundMs: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function measure({ server, clients }: Variant, ms: number): Promise<Figures> {
  const start = performance.now();
  const [ours, others] = [server.cpuMs(), machineCpuMs() - clients.cpuMs()];
  const { perSecond, latencies, statuses } = await clients.run({ ms });
  const usedMs = server.cpuMs() - ours;
  const otherMs = machineCpuMs() - clients.cpuMs() - others - usedMs;
  checkStatuses(statuses);
  return {
    perSecond,
    cpuUs: (usedMs * 1_000) / latencies.count,
    p50Ms: latencies.p50Ms,
    p99Ms: latencies.p99Ms,
    otherCpus: Math.max(0, otherMs / (performance.now() - start)),
  };
}

/** A rate of anything but good answers says nothing. */
function checkStatuses(statuses: Round["statuses"]): void {
  const bad = Object.keys(statuses).filter((status) => status !== "200" && status !== "0");
  if (bad.length > 0) throw new Error(`answers by status: ${JSON.stringify(statuses)}`);
}

/** The medians of each variant and the median of the ratios, round by round, of first to second. */
export async function compare(
  first: Variant,
  second: Variant,
  { rounds, roundMs }: Plan,
): Promise<{ first: Figures; second: Figures; ratio: number }> {
  const measured: [Figures[], Figures[]] = [[], []];
  // The warm-up; its figures are dropped.
  await measure(first, roundMs);
  await measure(second, roundMs);
  for (let round = 0; round < rounds; round += 1) {
    const firstFirst = round % 2 === 0;
    if (firstFirst) measured[0].push(await measure(first, roundMs));
    measured[1].push(await measure(second, roundMs));
    if (!firstFirst) measured[0].push(await measure(first, roundMs));
  }
  const ratios = measured[0].map(
    ({ perSecond }, round) => perSecond / (measured[1][round]?.perSecond ?? Number.NaN),
  );
  return {
    first: medians(measured[0]),
    second: medians(measured[1]),
    ratio: median(ratios),
  };
}

function medians(figures: readonly Figures[]): Figures {
  return {
    perSecond: median(figures.map(({ perSecond }) => perSecond)),
    cpuUs: median(figures.map(({ cpuUs }) => cpuUs)),
    p50Ms: median(figures.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(figures.map(({ p99Ms }) => p99Ms)),
    otherCpus: median(figures.map(({ otherCpus }) => otherCpus)),
  };
}

export function figuresText({ perSecond, cpuUs, p50Ms, p99Ms, otherCpus }: Figures): string {
  const rate = `${perSecond.toFixed(0).padStart(6)}/s`;
  const times = `p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms`;
  const cpu = `${cpuUs.toFixed(0).padStart(4)} µs CPU`;
  return `${rate}  ${cpu}  ${times}  (others ${otherCpus.toFixed(1)} CPUs)`;
}

export function goalText(ratio: number, goal: number): string {
  return `${ratio.toFixed(2)} (goal ≥ ${goal}${ratio >= goal ? "" : ", missed"})`;
}
