import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/formats/error.ts";
import { readPickle } from "../../src/formats/pickle/read.ts";
import { convertPickled } from "../../src/formats/pickled.ts";
import {
  answersOf,
  type GoldenAnswer,
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
      expectValues(golden, method, valuesOf(answer), wanted);
    }
  });
});

/** Methods that a release has and this one does not, each for a reason. */
function unoffered(file: string, method: string, release: string): boolean {
  if (file.startsWith("NearestCentroid")) return true;
  // New in LightGBM 4.7.
  if (file.startsWith("LGBM") && method === "decision_function") return true;
  // Up to 0.20 decisions of one row depended on the others, and AdaBoost's SAMME had its own shares.
  return (
    release.startsWith("0.2") && (method === "decision_function" || file.startsWith("AdaBoost"))
  );
}

function expectValues(
  { file }: GoldenCase,
  method: string,
  got: readonly (string | number | boolean)[],
  wanted: GoldenAnswer,
): void {
  const { values } = wanted;
  const floats = typeof values[0] === "string" && typeof got[0] === "number";
  if (!floats) {
    // A transformer answers in doubles, true or false too.
    const flags = values.map((one) => (typeof got[0] === "number" ? Number(one) : one));
    expect(got.map(String), method).toEqual(flags.map(String));
    return;
  }
  const tolerance = toleranceOf(file, method);
  for (const [at, text] of values.entries()) {
    const want = unhex(String(text));
    const have = Number(got[at]);
    if (Object.is(have, want) || have === want) continue;
    const low = unhex(wanted.low?.[at] ?? String(text));
    const high = unhex(wanted.high?.[at] ?? String(text));
    const least = file.includes("NearZero") ? 0 : 1;
    const scale = Math.max(least, Math.abs(want));
    const off = Math.max(low - have, have - high, 0);
    const allowed = Math.max(tolerance * scale, roundingOf(wanted, at));
    expect(off, `${method}[${at}] is ${have}, expected ${want}`).toBeLessThanOrEqual(allowed);
  }
}

/** What the order of a sum may cost: some units in the last place of all that was added up. */
function roundingOf({ terms, values }: GoldenAnswer, at: number): number {
  if (terms === undefined) return 0;
  const perRow = values.length / terms.length;
  return unhex(terms[Math.floor(at / perRow)] ?? "0x0p+0") * 2 ** -51;
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
  return 1e-11;
}
