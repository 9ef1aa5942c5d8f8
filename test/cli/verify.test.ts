import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verify } from "../../src/cli/verify.ts";
import { type GoldenCase, readGoldens, refusedModels, unhex } from "../formats/golden.ts";
import { temporaryFolder } from "../support/models.ts";

/** `thaw verify` over the goldens of the newest releases, from CSV and JSON. */

const goldens = join(import.meta.dirname, "../formats/goldens");
const folder = temporaryFolder();

/** Texts in quotes, missing values as nothing at all. */
function csvOf({ rows }: GoldenCase): string {
  const count = rows[0]?.values.length ?? 0;
  const lines = Array.from({ length: count }, (_, row) =>
    rows.map(({ values }) => {
      const value = values[row] ?? null;
      if (value === null) return "";
      return /^-?0x|^nan$|^-?inf$/.test(value)
        ? shortest(value)
        : `"${value.replaceAll('"', '""')}"`;
    }),
  );
  const header = rows.map(({ name }, at) => `"${name ?? `column-${at}`}"`);
  // A header is told from text by the numbers below it.
  const numbers = rows.some(({ values }) => values.some((value) => /^-?0x/.test(value ?? "")));
  return [...(numbers ? [header] : []), ...lines].map((cells) => cells.join(",")).join("\n");
}

function shortest(hex: string): string {
  return hex === "nan" ? "" : String(unhex(hex)).replace("Infinity", "inf");
}

for (const name of ["sklearn/1.9.1", "boosters/3.4.1-4.7.0"]) {
  const there = new Set(readdirSync(join(goldens, name)));
  const { cases } = readGoldens(join(goldens, name));
  const known = cases.filter(({ file }) => there.has(file) && !refusedModels.test(file));
  describe(name, () => {
    it.each(known.map((one) => [one.file, one] as const))("%s", async (file, golden) => {
      const rows = join(folder, "rows.csv");
      const expected = join(folder, "answers.json");
      writeFileSync(rows, csvOf(golden));
      const { predict } = golden.outputs;
      if (predict === undefined) return;
      const floats = typeof predict.values[0] === "string" && predict.dtype.startsWith("float");
      const values = predict.values.map((one) => (floats ? unhex(String(one)) : one));
      if (values.some((one) => typeof one === "number" && !Number.isFinite(one))) return;
      writeFileSync(expected, JSON.stringify(values));
      const words = [join(goldens, name, file), "--rows", rows, "--expect", expected];
      const { text } = await verify([...words, "--method", "predict", "--tolerance", "1e-5"]);
      expect(text).toMatch(/ 0 labels differ, largest error \S+ \(tolerance 0.00001\): the same/);
    });
  });
}

it("reads arrays of numpy", async () => {
  // An array of version 1.0, [2, 4] in doubles, as numpy.save writes it.
  const head = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }".padEnd(117);
  const start = Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1")]);
  const numbers = Float64Array.of(6.8, 2.8, 4.8, 1.4, 5.1, 3.5, 1.4, 0.2);
  const npy = Buffer.concat([start, Buffer.from(`${head}\n`), Buffer.from(numbers.buffer)]);
  writeFileSync(join(folder, "rows.npy"), npy);
  const zip = "import zipfile,sys;z=zipfile.ZipFile(sys.argv[1],'w');z.write(sys.argv[2],'x.npy')";
  const npz = join(folder, "rows.npz");
  const files = [join(folder, "rows.npy")];
  try {
    execFileSync("python3", ["-c", zip, npz, join(folder, "rows.npy")]);
    files.push(npz);
  } catch {
    // No Python to write an archive with; the array alone is read all the same.
  }
  writeFileSync(join(folder, "labels.json"), "[1, 0]");
  const model = join(import.meta.dirname, "../../models/iris-sklearn/model.joblib");
  for (const rows of files) {
    const words = [model, "--rows", rows, "--expect", join(folder, "labels.json")];
    expect((await verify(words)).fits).toBe(true);
  }
});
