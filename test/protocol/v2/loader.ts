import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type AnyDefinition,
  loadSync,
  type MethodDefinition,
  type Options,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { expect } from "vitest";

/** proto-loader's codecs, to hold the ones written by hand against. */

const protoFolder = path.join(import.meta.dirname, "../../../proto");
const inferenceFile = "open_inference_grpc.proto";
const options: Options = {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
};

export type Service = (method: string) => MethodDefinition<object, object>;

function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !("format" in definition);
}

function load(folder: string, file: string, name: string): Service {
  const service = loadSync(file, { ...options, includeDirs: [folder] })[name];
  return (method) => {
    const definition = isService(service) ? service[method] : undefined;
    return definition ?? expect.fail(`${file} has no ${name}.${method}`);
  };
}

export function loadInference(): Service {
  return load(protoFolder, inferenceFile, "inference.GRPCInferenceService");
}

export function loadHealth(): Service {
  return load(protoFolder, "health.proto", "grpc.health.v1.Health");
}

/** The same service, but its clients write every number with a tag of its own. */
export function loadUnpackedInference(): Service {
  const source = readFileSync(path.join(protoFolder, inferenceFile), "utf8");
  const numbers = /repeated (?:bool|u?int32|u?int64|float|double) \w+ = \d+/g;
  const folder = mkdtempSync(path.join(tmpdir(), "unpacked-"));
  try {
    const unpacked = source.replace(numbers, "$& [packed = false]");
    writeFileSync(path.join(folder, inferenceFile), unpacked);
    return load(folder, inferenceFile, "inference.GRPCInferenceService");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
