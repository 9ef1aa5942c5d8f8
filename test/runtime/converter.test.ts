import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/domain/ports.ts";
import { Converter } from "../../src/runtime/converter.ts";
import { temporaryFolder } from "../support/models.ts";

/** The loader thread beside the slots. */

const log: Log = { write: () => {} };
const conversionFile = join(import.meta.dirname, "../../src/runtime/conversion.ts");
const goldens = join(import.meta.dirname, "../formats/goldens");
const booster = join(goldens, "boosters/3.4.1-4.7.0/lgb-binary-gbdt.txt");

let converter: Converter | undefined;

afterEach(async () => {
  await converter?.close();
});

function open(heapMiBMax: number) {
  const folder = temporaryFolder();
  converter = new Converter({ conversionFile, folder, heapMiBMax, log });
  return { converter, folder };
}

/** A booster of so many trees, each as the first of the golden. */
function boosterOf(trees: number): string {
  const text = readFileSync(booster, "utf8");
  const [head = "", first = ""] = text.split(/(?=Tree=0\n)/);
  const tree = first.slice(0, first.indexOf("Tree=1\n"));
  const many = Array.from({ length: trees }, (_, at) => tree.replace("Tree=0", `Tree=${at}`));
  const path = join(temporaryFolder(), "model.txt");
  const sizes = many.map(({ length }) => length).join(" ");
  const body = `${head.replace(/tree_sizes=.*/, `tree_sizes=${sizes}`)}${many.join("")}`;
  writeFileSync(path, `${body}end of trees\n`);
  return path;
}

describe("the loader thread", () => {
  it("keeps what it makes where slots look for it", async () => {
    const { converter, folder } = open(256);
    expect(await converter.convert(booster)).toBeUndefined();
    const kept = readdirSync(join(folder, "converted")).map((name) => name.split(".").at(-1));
    expect(kept.sort()).toEqual(["json", "onnx"]);
  });

  it("says why a file is refused", async () => {
    const { converter } = open(256);
    const path = join(temporaryFolder(), "model.txt");
    writeFileSync(path, "tree\nversion=v9\n");
    expect(await converter.convert(path)).toMatch(/LightGBM|version/);
  });

  it("leaves graphs to the slots", async () => {
    const { converter } = open(256);
    expect(await converter.convert("no/such/model.onnx")).toBeUndefined();
  });

  it("that runs out of memory refuses its file, and goes on with the next", async () => {
    const { converter } = open(24);
    expect(await converter.convert(boosterOf(40_000))).toContain("more than the 24 MiB of heap");
    expect(await converter.convert(booster)).toBeUndefined();
  });
});
