import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/formats/convert.ts";
import { cases } from "../support/cases.ts";
import { opened, valuesOf } from "./golden.ts";
import { lightgbmOracle, type Oracle, xgboostOracle } from "./oracle.ts";

/** Boosters by their graph and by the plain walk of `oracle.ts`, over any rows. */

const goldens = join(import.meta.dirname, "goldens/boosters");

/** Objectives whose answer is the margin. */
const files = readdirSync(goldens, { recursive: true, encoding: "utf8" }).filter((path) =>
  /(xgb-(squarederror|logitraw|absolute|quantile|pairwise)-(gbtree|forest|dart|categorical)\.json|lgb-(regression|regression_l1|huber|quantile|mape|fair|lambdarank)-(gbdt|dart|rf|zero)\.txt)$/.test(
    path,
  ),
);

const odd = [
  Number.NaN,
  0,
  -0,
  5e-324,
  -5e-324,
  1e-36,
  1e-35,
  2 ** -149,
  1e30,
  -1e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e308,
  -0.5,
  0.999,
  2.7,
  300,
  2 ** 24,
  2 ** 31,
  2 ** 40,
];

/** A threshold, its neighbours in both precisions, or an odd number. */
function cellsOf({ thresholds }: Oracle, feature: number): fc.Arbitrary<number> {
  const own = thresholds.filter((one) => one.feature === feature).map(({ value }) => value);
  const near = own.flatMap((value) => {
    const single = Math.fround(value);
    const step = Math.max(Math.abs(single) * 2 ** -23, 2 ** -149);
    const fine = Math.max(Math.abs(value) * 2 ** -52, Number.MIN_VALUE);
    return [value, single, single + step, single - step, value + fine, value - fine];
  });
  return fc.oneof(
    fc.constantFrom(...odd, ...near),
    fc.double(),
    fc.integer({ min: -2, max: 12 }),
    fc.double({ min: -3, max: 3, noNaN: true }),
  );
}

function oracleOf(path: string): Oracle {
  const text = readFileSync(path, "utf8");
  return path.endsWith(".txt") ? lightgbmOracle(text) : xgboostOracle(text);
}

describe("boosters", () => {
  it.each(files)("%s", async (file) => {
    const path = join(goldens, file);
    const oracle = oracleOf(path);
    const xgboost = path.endsWith(".json");
    const model = await convert(path, xgboost ? "xgboost" : "lightgbm");
    const answering = await opened(model);
    const row = fc.tuple(
      ...Array.from({ length: oracle.features }, (_, feature) => cellsOf(oracle, feature)),
    );
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
          const columns = Array.from({ length: oracle.features }, (_, at) => ({
            name: null,
            values: rows.map((cells) => hex(cells[at] ?? Number.NaN)),
          }));
          const answer = (await answering.answers(columns)).get("predict");
          const got = answer === undefined ? [] : valuesOf(answer);
          const wanted = rows.flatMap((cells) => oracle.margins(cells));
          // XGBoost scales the sum of what dart has dropped; the last place is the compiler's.
          if (file.includes("xgb") && file.includes("dart")) {
            for (const [at, one] of wanted.entries()) expect(got[at]).toBeCloseTo(one, 5);
          } else expect(got).toEqual(wanted);
        }),
        { numRuns: cases(15) },
      );
    } finally {
      await answering.release();
    }
  });
});

/** As Python's float.hex() has it. */
function hex(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const digits = (bits & 0xfffffffffffffn).toString(16).padStart(13, "0");
  const sign = bits >> 63n === 1n ? "-" : "";
  return exponent === 0
    ? `${sign}0x0.${digits}p-1022`
    : `${sign}0x1.${digits}p${exponent < 1023 ? "" : "+"}${exponent - 1023}`;
}
