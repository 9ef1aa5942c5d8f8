import { expect, it } from "vitest";
import { Simulation } from "./models.ts";

/** `THAW_SEEDS=first-last` runs others: `npm run test:long` does, and so does whoever hunts a bug. */
const [first = 0, last = 4_999] = (process.env["THAW_SEEDS"] ?? "0-4999").split("-").map(Number);

it(`keeps the rules of models' lives in every order: seeds ${first} to ${last}`, {
  timeout: 1_800_000,
}, async () => {
  for (let seed = first; seed <= last; seed += 1) {
    const problems = await new Simulation(seed).run();
    expect(problems, `seed ${seed}`).toEqual([]);
  }
});
