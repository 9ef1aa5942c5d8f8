import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { isObject } from "./structural.ts";

/**
 * `trim-crds.ts TAG CRD.yaml ...` → one JSON object on stdout: the schemas by kind, without what
 * checks nothing and without large parts that our manifests do not use. What is left out is refused by the
 * validation, never accepted.
 */

/** Below `spec`, and below `spec.predictor` of an InferenceService. */
const unused = [
  "affinity",
  "initContainers",
  "workerSpec",
  // Another spelling of `model`, one for each server.
  ...["huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch", "sklearn", "tensorflow"],
  ...["triton", "xgboost"],
];
const unusedComponents = ["canary", "explainer"];
/** Keywords that say nothing about one value, and rules in a language that we do not speak. */
const silent = [
  "default",
  "description",
  "format",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
];

/** A copy without the silent keywords. Below `properties` the same words are names of fields. */
function terse(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(terse);
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([keyword]) => !silent.includes(keyword));
  const copied = kept.map(([keyword, rule]) => {
    if (keyword !== "properties" || !isObject(rule)) return [keyword, terse(rule)] as const;
    const fields = Object.entries(rule).map(([name, field]) => [name, terse(field)]);
    return [keyword, Object.fromEntries(fields)] as const;
  });
  return Object.fromEntries(copied);
}

function at(schema: unknown, ...path: readonly string[]): Record<string, unknown> {
  let found = schema;
  for (const key of path) found = isObject(found) ? found[key] : undefined;
  if (!isObject(found)) throw new Error(`no ${path.join(".")} in the CRD`);
  return found;
}

function trimmed(file: string): [string, unknown] {
  const crd: unknown = parse(readFileSync(file, "utf8"));
  const { kind } = at(crd, "spec", "names");
  const { versions } = at(crd, "spec");
  if (!Array.isArray(versions) || versions.length !== 1) throw new Error(`${kind}: one version?`);
  const schema = terse(at(versions[0], "schema", "openAPIV3Schema"));
  const { properties } = at(schema, "properties", "spec");
  const parts = [at(properties)];
  if (kind === "InferenceService") {
    parts.push(
      at(properties, "predictor", "properties"),
      at(properties, "transformer", "properties"),
    );
  }
  for (const part of parts) for (const key of unused) delete part[key];
  for (const key of unusedComponents) delete at(properties)[key];
  delete at(schema, "properties")["status"];
  return [`${at(crd, "spec")["group"]}/${versions[0].name} ${kind}`, schema];
}

/** Parts that occur more than once, each once: `{"$ref": key}` stands for it elsewhere. */
function shared(schemas: unknown): { schemas: unknown; parts: Record<string, unknown> } {
  const counts = new Map<string, number>();
  const count = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(count);
    if (!isObject(value)) return;
    const text = JSON.stringify(value);
    if (text.length < partLengthMin) return;
    counts.set(text, (counts.get(text) ?? 0) + 1);
    // What is inside of a repeated part is counted with its first occurrence.
    if (counts.get(text) === 1) Object.values(value).forEach(count);
  };
  count(schemas);
  const keys = new Map<string, string>();
  const parts: Record<string, unknown> = {};
  const replaced = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replaced);
    if (!isObject(value)) return value;
    const text = JSON.stringify(value);
    const inner = () =>
      Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one)]));
    if ((counts.get(text) ?? 0) < 2) return inner();
    let key = keys.get(text);
    if (key === undefined) {
      key = `part${keys.size + 1}`;
      keys.set(text, key);
      parts[key] = inner();
    }
    return { $ref: key };
  };
  return { schemas: replaced(schemas), parts };
}

const partLengthMin = 200;
const [tag, ...files] = process.argv.slice(2);
const whole = shared(Object.fromEntries(files.map(trimmed)));
process.stdout.write(JSON.stringify({ kserve: tag, ...whole }));
