import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { convertedBytesMax, MiB } from "../domain/limits.ts";
import type { Conversion } from "./converted.ts";
import type { Family } from "./family.ts";
import { bakedFolder, removeIfThere } from "./places.ts";

/** Raised with every change of a lowering: what an older one made is not used any more. */
const converterVersion = 15;

/** A converted model, whose graph is a file where it could be written. */
export interface KeptConversion {
  readonly source: string | Uint8Array;
  readonly conversion: Conversion;
}

/** What was baked of a content, named from the model's folder. */
export function bakedNames(digest: string): readonly string[] {
  const key = keyOf(digest);
  return [`${bakedFolder}/converted/${key}.onnx`, `${bakedFolder}/converted/${key}.json`];
}

function keyOf(digest: string): string {
  return `${digest}-${converterVersion}`;
}

/**
 * Converts a model file, once for each content: graph and signature are kept in `folder`, so that
 * other workers and the next start find them. What was baked beside the file counts as well, as
 * long as it is of the same content and of this version of the converter. Throws FormatError.
 */
export async function converted(
  path: string,
  family: Exclude<Family, "onnx">,
  folder: string,
): Promise<KeptConversion> {
  const key = keyOf(digestOf(path));
  for (const place of [join(dirname(path), bakedFolder), folder]) {
    const known = readKept(join(place, "converted"), key);
    if (known !== undefined) return known;
  }
  const own = join(folder, "converted");
  const graphPath = join(own, `${key}.onnx`);
  const { graph, ...conversion } = await (await import("./convert.ts")).convert(path, family);
  if (!write(own, graphPath, graph)) return { source: graph, conversion };
  write(own, join(own, `${key}.json`), Buffer.from(JSON.stringify(conversion)));
  prune(own);
  return { source: graphPath, conversion };
}

/** sha256 of a file, in hexadecimal. */
export function digestOf(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(MiB);
  const file = openSync(path, "r");
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, length));
    }
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}

function readKept(folder: string, key: string): KeptConversion | undefined {
  const source = join(folder, `${key}.onnx`);
  try {
    // What stands there was written by this version of the converter.
    const text = readFileSync(join(folder, `${key}.json`), "utf8");
    const kept = { source, conversion: JSON.parse(text) as Conversion };
    if (statSync(source).size === 0) return undefined;
    markUsed(source);
    return kept;
  } catch {
    return undefined;
  }
}

/** For the bound of the cache; what was baked may not be written to. */
function markUsed(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // It is not pruned from here either.
  }
}

/** All of it or nothing; false where the folder cannot be written. */
function write(folder: string, path: string, bytes: Uint8Array): boolean {
  const part = join(folder, `.${randomUUID()}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(part, bytes, { mode: 0o600, flag: "wx" });
    renameSync(part, path);
    return true;
  } catch {
    removeIfThere(part);
    return false;
  }
}

/** Removes what was longest not used, until the rest is within bounds. */
function prune(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => ({ name, ...pick(statSync(join(folder, name))) }))
    .sort((a, b) => b.usedMs - a.usedMs);
  let bytes = 0;
  for (const file of files) {
    bytes += file.bytes;
    if (bytes <= convertedBytesMax) continue;
    rmSync(join(folder, file.name), { force: true });
    rmSync(join(folder, file.name.replace(/onnx$/, "json")), { force: true });
  }
}

function pick({ size, mtimeMs }: { size: number; mtimeMs: number }) {
  return { bytes: size, usedMs: mtimeMs };
}
