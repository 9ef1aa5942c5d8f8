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
import { join } from "node:path";
import { convertedBytesMax, MiB } from "../domain/limits.ts";
import type { Conversion } from "./converted.ts";
import type { Family } from "./family.ts";

/** Raised with every change of a lowering: what an older one made is not used any more. */
const converterVersion = 5;

/** A converted model, whose graph is a file where it could be written. */
export interface KeptConversion {
  readonly source: string | Uint8Array;
  readonly conversion: Conversion;
}

/**
 * Converts a model file, once for each content: graph and signature are kept in `folder`, so that
 * other workers and the next start find them. Throws FormatError.
 */
export async function converted(
  path: string,
  family: Exclude<Family, "onnx">,
  folder: string,
): Promise<KeptConversion> {
  const own = join(folder, "converted");
  const key = `${digestOf(path)}-${converterVersion}`;
  const graphPath = join(own, `${key}.onnx`);
  const sidecar = join(own, `${key}.json`);
  const known = readKept(graphPath, sidecar);
  if (known !== undefined) return { source: graphPath, conversion: known };
  const { graph, ...conversion } = await (await import("./convert.ts")).convert(path, family);
  if (!write(own, graphPath, graph)) return { source: graph, conversion };
  write(own, sidecar, Buffer.from(JSON.stringify(conversion)));
  prune(own);
  return { source: graphPath, conversion };
}

function digestOf(path: string): string {
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

function readKept(graphPath: string, sidecar: string): Conversion | undefined {
  try {
    const now = new Date();
    utimesSync(graphPath, now, now);
    // What stands in the cache was written by this version of the converter.
    return JSON.parse(readFileSync(sidecar, "utf8")) as Conversion;
  } catch {
    return undefined;
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
    rmSync(part, { force: true });
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
