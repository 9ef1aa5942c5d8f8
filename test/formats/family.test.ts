import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { familyOf } from "../../src/formats/family.ts";
import { readXgboost } from "../../src/formats/xgboost/convert.ts";
import { temporaryFolder } from "../support/models.ts";

const older = join(import.meta.dirname, "goldens/boosters/0.90-2.3.1/xgb-gamma-gbtree.bst");

/** XGBoost's binary format begins with its base score, a float32 of any value. */
it.each([
  ["JSON", '{"xg'],
  ["UBJSON", "{L\0\0"],
  ["a pickle", "\x80\x04\x95\x10"],
  ["zlib", "\x78\x9c\x01\x02"],
  ["gzip", "\x1f\x8b\x08\x00"],
  ["bzip2", "BZh9"],
])("a base score that begins like %s", (_, begin) => {
  const bytes = readFileSync(older);
  bytes.write(begin, 0, "latin1");
  const file = join(temporaryFolder(), "model");
  writeFileSync(file, bytes);
  expect(familyOf(file)).toBe("xgboost");
  expect(readXgboost(bytes).baseScore).toEqual([bytes.readFloatLE(0)]);
});
