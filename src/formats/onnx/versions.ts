import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import type { Outline } from "./outline.ts";
import { irVersionMax, opsetVersionsMax } from "./schema.ts";

/** Refuses what ONNX Runtime would, in words that say what to do. Throws FormatError. */
export function checkVersions({ irVersion, opsets }: Outline): void {
  if (irVersion > irVersionMax) {
    throw new FormatError(
      `it has IR version ${irVersion}, but ONNX Runtime reads at most ${irVersionMax}: export it ` +
        `with ir_version ${irVersionMax} or less`,
    );
  }
  for (const [domain, version] of opsets) {
    const versionMax = opsetVersionsMax[domain];
    if (versionMax === undefined || version <= versionMax) continue;
    throw new FormatError(
      `it needs opset ${version} of ${domain === "" ? "ai.onnx" : clip(domain)}, but ONNX ` +
        `Runtime has at most ${versionMax}: export it with opset ${versionMax} or less, or ` +
        "convert it (onnx.version_converter)",
    );
  }
}
