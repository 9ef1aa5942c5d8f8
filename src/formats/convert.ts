import { readFile } from "node:fs/promises";
import type { Converted } from "./converted.ts";
import type { Family } from "./family.ts";

/** Any file that is no graph → a graph, and what stands around it. Throws FormatError. */
export async function convert(path: string, family: Exclude<Family, "onnx">): Promise<Converted> {
  const bytes = await readFile(path);
  switch (family) {
    case "pickle": {
      const { readPickle } = await import("./pickle/read.ts");
      const { convertPickled } = await import("./pickled.ts");
      return convertPickled(await readPickle(bytes));
    }
    case "xgboost":
      return (await import("./xgboost/convert.ts")).convertXgboost(bytes);
    case "lightgbm":
      return (await import("./lightgbm/convert.ts")).convertLightgbm(bytes);
    default:
      return family satisfies never;
  }
}
