import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";

/** The seed's InferenceService, as another runtime and from KServe's public sample model. */

export const sampleModel = "gs://kfserving-examples/models/sklearn/1.0/model";

export function serviceFor(name: string, runtime: string): string {
  const path = join(import.meta.dirname, "../../k8s/examples/iris-sklearn.yaml");
  const manifest = parse(readFileSync(path, "utf8"));
  manifest.metadata.name = name;
  Object.assign(manifest.spec.predictor.model, { runtime, storageUri: sampleModel });
  return stringify(manifest);
}
