import { memoryCloseShare, memoryRefuseShare, memoryShedShare } from "../domain/limits.ts";

/**
 * What the server does as its memory fills, in steps: refuse new inference, end the request that
 * holds the most, take no more connections. Each step keeps what the steps before it do.
 */
export const pressures = ["none", "refuse", "shed", "close"] as const;
export type Pressure = (typeof pressures)[number];

/** `limitBytes` is the container's limit; 0 where there is none. */
export function pressureOf(residentBytes: number, limitBytes: number): Pressure {
  const share = limitBytes > 0 ? residentBytes / limitBytes : 0;
  if (share >= memoryCloseShare) return "close";
  if (share >= memoryShedShare) return "shed";
  return share >= memoryRefuseShare ? "refuse" : "none";
}
