import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/formats/error.ts";
import { readPickle } from "../../src/formats/pickle/read.ts";
import { convertPickled } from "../../src/formats/pickled.ts";
import {
  answersOf,
  type GoldenCase,
  readGoldens,
  refusedModels,
  unhex,
  valuesOf,
} from "./golden.ts";

/** Every golden of every release: labels the same, trees to the bit, the rest as near as doubles are. */

const goldens = process.env["THAW_GOLDENS"] ?? join(import.meta.dirname, "goldens/sklearn");
const releases = readdirSync(goldens, { withFileTypes: true }).filter((one) => one.isDirectory());

/** Stateless in old releases: the file does not say how many columns it takes. */
const unsaid =
  /^(Dummy(Classifier|Regressor)|Binarizer|Normalizer|FunctionTransformer(NearZero)?|StandardScaler)-/;

/** Refused of some releases only. */
const refusedThen = /^0\.20\.\d+ QuantileTransformer-/;

describe.each(releases.map(({ name }) => name))("scikit-learn %s", (release) => {
  const folder = join(goldens, release);
  const { cases } = readGoldens(folder);
  it.each(cases.map((one) => [one.file, one] as const))("%s", async (file, golden) => {
    const model = async () => convertPickled(await readPickle(readFileSync(join(folder, file))));
    if (refusedModels.test(file) || refusedThen.test(`${release} ${file}`)) {
      await expect(model()).rejects.toThrow(FormatError);
      return;
    }
    const converted = await model().catch((error: unknown) => {
      if (unsaid.test(file) && error instanceof FormatError) return undefined;
      throw error;
    });
    if (converted === undefined) return;
    const answers = await answersOf(converted, golden.rows);
    for (const [method, wanted] of Object.entries(golden.outputs)) {
      const answer = answers.get(method);
      if (answer === undefined) {
        expect(unoffered(file, method, release), `${method} is not offered`).toBe(true);
        continue;
      }
      expect(answer.shape).toEqual(wanted.shape);
      expectValues(golden, method, valuesOf(answer), wanted.values);
    }
  });
});

/** Methods that a release has and this one does not, each for a reason. */
function unoffered(file: string, method: string, release: string): boolean {
  if (file.startsWith("NearestCentroid")) return true;
  // Up to 0.20 decisions of one row depended on the others, and AdaBoost's SAMME had its own shares.
  return (
    release.startsWith("0.2") && (method === "decision_function" || file.startsWith("AdaBoost"))
  );
}

function expectValues(
  { file }: GoldenCase,
  method: string,
  got: readonly (string | number | boolean)[],
  wanted: readonly (string | number | boolean)[],
): void {
  const floats = typeof wanted[0] === "string" && typeof got[0] === "number";
  if (!floats) {
    // A transformer answers in doubles, true or false too.
    const flags = wanted.map((one) => (typeof got[0] === "number" ? Number(one) : one));
    expect(got.map(String), method).toEqual(flags.map(String));
    return;
  }
  const tolerance = toleranceOf(file, method);
  for (const [at, text] of wanted.entries()) {
    const want = unhex(String(text));
    const have = Number(got[at]);
    if (Object.is(have, want) || have === want) continue;
    const least = file.includes("NearZero") ? 0 : 1;
    const off = Math.abs(have - want) / Math.max(least, Math.abs(want));
    expect(off, `${method}[${at}] is ${have}, expected ${want}`).toBeLessThanOrEqual(tolerance);
  }
}

function toleranceOf(file: string, method: string): number {
  const trees = /^(DecisionTree|ExtraTree|RandomForest|HistGradient|GradientBoosting(?!Init))/.test(
    file,
  );
  if (trees && method !== "predict_proba" && !file.startsWith("HistGradientBoostingR")) return 0;
  // A first estimator's certainty is taken the logarithm of: what is lost near 1 shows.
  if (file.startsWith("GradientBoostingInit")) return 1e-6;
  // Up to XGBoost 1.1 the base was added last.
  if (file.startsWith("XGB")) return 1e-6;
  if (file.includes("NearZero")) return 1e-14;
  // Sums of terms of a million.
  if (file.startsWith("OneClassSVM")) return 1e-9;
  return 1e-11;
}
