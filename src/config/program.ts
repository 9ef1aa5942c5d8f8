import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Set by the bundler (`scripts/build.ts`); absent when the sources run as they are. */
declare const THAW_VERSION: string | undefined;

const bundled = typeof THAW_VERSION === "string";
const here = dirname(fileURLToPath(import.meta.url));

/** The folder of the bundle, or of the checkout. */
export const programFolder = bundled ? here : join(here, "../..");

/** The entry of a worker thread: a bundle, or its source. */
export const workerFile = join(programFolder, bundled ? "inference.js" : "src/runtime/worker.ts");

/** The entry of the thread that converts model files. */
export const conversionFile = join(
  programFolder,
  bundled ? "conversion.js" : "src/runtime/conversion.ts",
);

/** The folder of `.proto` files. */
export const protoFolder = join(programFolder, "proto");

export function programVersion(): string {
  if (typeof THAW_VERSION === "string") return THAW_VERSION;
  const manifest: unknown = JSON.parse(readFileSync(join(programFolder, "package.json"), "utf8"));
  const version = Object(manifest).version;
  return typeof version === "string" ? version : "unknown";
}
