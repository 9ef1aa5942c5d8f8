import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/formats/convert.ts";
import { familyOf } from "../../src/formats/family.ts";
import { answersOf, readGoldens, unhex, valuesOf } from "./golden.ts";

/** Boosters of XGBoost and LightGBM in every container, against the libraries. */

const goldens = process.env["THAW_GOLDENS"] ?? join(import.meta.dirname, "goldens/boosters");
const releases = readdirSync(goldens, { withFileTypes: true }).filter((one) => one.isDirectory());

describe.each(releases.map(({ name }) => name))("XGBoost and LightGBM %s", (release) => {
  const folder = join(goldens, release);
  const { cases } = readGoldens(folder);
  it.each(cases.map((one) => [one.file, one] as const))("%s", async (file, golden) => {
    const path = join(folder, file);
    const family = familyOf(path);
    expect(family).toBe(file.startsWith("xgb") ? "xgboost" : "lightgbm");
    const model = await convert(path, family === "onnx" ? "pickle" : family);
    const answer = (await answersOf(model, golden.rows)).get("predict");
    const wanted = golden.outputs["predict"];
    expect(answer?.shape).toEqual(wanted?.shape);
    // Where nothing comes after the sum, it is the library's to the bit.
    const sum =
      /^xgb-(squarederror|logitraw|hinge|pairwise|absolute|softmax|quantile)-(?!gblinear)/.test(
        file,
      );

    const tolerance = sum ? 0 : file.startsWith("xgb") ? 2 ** -23 : 2 ** -52;
    const got = answer === undefined ? [] : valuesOf(answer);
    for (const [at, text] of (wanted?.values ?? []).entries()) {
      const want = unhex(String(text));
      const have = Number(got[at]);
      if (have === want || Number.isNaN(have + want)) continue;
      const off = Math.abs(have - want) / Math.max(1, Math.abs(want));
      // Up to 1.1 XGBoost added the base last.
      const old = file.startsWith("xgb") && /^(0\.|1\.1)/.test(release);
      const allowed = old ? 1e-6 : tolerance;
      expect(off, `[${at}] is ${have}, expected ${want}`).toBeLessThanOrEqual(allowed);
    }
  });
});
