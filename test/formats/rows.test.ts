import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/formats/convert.ts";
import { FormatError } from "../../src/formats/error.ts";
import { familyOf } from "../../src/formats/family.ts";
import { type Answering, type GoldenColumn, opened, readGoldens, valuesOf } from "./golden.ts";

/** A row has the same answer, to the last bit, alone and in a batch of any size. */

const folders = ["sklearn/1.9.1", "sklearn/0.24.2", "boosters/3.4.1-4.7.0", "boosters/1.1.1-3.0.0"];

for (const name of folders) {
  const folder = join(import.meta.dirname, "goldens", name);
  const there = new Set(readdirSync(folder));
  describe(name, () => {
    const { cases } = readGoldens(folder);
    const known = cases.filter(({ file }) => there.has(file));
    it.each(known.map((one) => [one.file, one] as const))("%s", async (file, { rows }) => {
      const path = join(folder, file);
      const family = familyOf(path);
      const model = await convert(path, family === "onnx" ? "pickle" : family).catch((error) => {
        if (error instanceof FormatError) return undefined;
        throw error;
      });
      if (model === undefined) return;
      const answering = await opened(model);
      try {
        await expectAlike(answering, rows);
      } finally {
        await answering.release();
      }
    });
  });
}

async function expectAlike(answering: Answering, rows: readonly GoldenColumn[]) {
  const count = rows[0]?.values.length ?? 0;
  const whole = await answering.answers(rows);
  for (const size of [1, 2, 3]) {
    const parts = Array.from({ length: Math.ceil(count / size) }, (_, at) =>
      answering.answers(rows.map((one) => cut(one, at * size, size))),
    );
    const answers = await Promise.all(parts);
    for (const [method, tensor] of whole) {
      const alone = answers.flatMap((one) => {
        const part = one.get(method);
        return part === undefined ? [] : valuesOf(part);
      });
      expect(alone, `${method}, ${size} at a time`).toEqual(valuesOf(tensor));
    }
  }
}

function cut({ name, values }: GoldenColumn, from: number, size: number): GoldenColumn {
  return { name, values: values.slice(from, from + size) };
}
