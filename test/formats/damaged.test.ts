import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/formats/error.ts";
import { convertLightgbm } from "../../src/formats/lightgbm/convert.ts";
import { readPickle } from "../../src/formats/pickle/read.ts";
import { convertPickled } from "../../src/formats/pickled.ts";
import { convertXgboost } from "../../src/formats/xgboost/convert.ts";

/** Model files with bytes changed or cut off: each is converted, or refused with a FormatError. */

const goldens = join(import.meta.dirname, "goldens");
const factor = Number(process.env["THAW_CASES_FACTOR"] ?? 1);
const bytesMax = 12_000;

function seedsIn(folder: string, pattern: RegExp): Buffer[] {
  const names = readdirSync(join(goldens, folder)).filter((name) => pattern.test(name));
  const all = names.map((name) => readFileSync(join(goldens, folder, name)));
  return all.filter(({ length }) => length < bytesMax);
}

const families: readonly [string, Buffer[], (bytes: Uint8Array) => unknown][] = [
  [
    "pickles",
    [...seedsIn("sklearn/1.9.1", /\.(pkl|joblib)$/), ...seedsIn("sklearn/0.20.4", /pkl$/)],
    async (bytes) => convertPickled(await readPickle(bytes)),
  ],
  ["XGBoost's JSON", seedsIn("boosters/1.7.6-3.3.5", /^xgb.*json$/), convertXgboost],
  ["XGBoost's UBJSON", seedsIn("boosters/3.4.1-4.7.0", /ubj$/), convertXgboost],
  ["XGBoost's older files", seedsIn("boosters/0.90-2.3.1", /bst$/), convertXgboost],
  ["LightGBM's text", seedsIn("boosters/3.4.1-4.7.0", /txt$/), convertLightgbm],
];

describe.each(families)("%s", (_, seeds, convert) => {
  const cases = 1_200 * factor;
  it(`${cases} damaged ones are converted or refused`, { timeout: 600_000 }, async () => {
    expect(seeds.length).toBeGreaterThan(10);
    const change = fc.record({
      seed: fc.nat({ max: seeds.length - 1 }),
      edits: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 6,
      }),
      cut: fc.option(fc.nat(), { nil: undefined, freq: 5 }),
    });
    const holds = fc.asyncProperty(change, async ({ seed, edits, cut }) => {
      const bytes = Buffer.from(seeds[seed] ?? []);
      for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
      try {
        await convert(cut === undefined ? bytes : bytes.subarray(0, cut % bytes.length));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    });
    await fc.assert(holds, { numRuns: cases });
  });
});
