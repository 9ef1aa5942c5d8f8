import {
  clientInputs,
  clientOutputs,
  type ModelMetadata,
  type Verdict,
} from "../../domain/model.ts";
import type { TensorSpec } from "../../domain/tensor.ts";

/** Metadata of V2 (Open Inference Protocol, "Server Metadata" and "Model Metadata"). */

export const serverName = "thaw";
const extensions = ["model_configuration", "binary_tensor_data", "parameters", "statistics"];
const repositoryExtensions = ["model_repository", "model_repository(unload_dependents)"];

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** Only what is on. */
export function serverMetadata(version: string, repository: boolean): ServerMetadata {
  const on = repository ? [...repositoryExtensions, ...extensions] : extensions;
  return { name: serverName, version, extensions: on };
}

export interface ModelMetadataMessage {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** REST's answer alone: MLServer's clients expect something else in gRPC's field of this name. */
export interface ModelMetadataBody extends ModelMetadataMessage {
  readonly properties: Readonly<Record<string, string>>;
}

export function modelMetadataBody(model: ModelMetadata): ModelMetadataBody {
  const labels = clientOutputs(model.signature).flatMap(({ name, labels }) =>
    labels === undefined ? [] : [[`labels.${name}`, JSON.stringify(labels)]],
  );
  const properties = { batching: verdictText(model.verdict), ...Object.fromEntries(labels) };
  return { ...modelMetadata(model), properties };
}

function verdictText(verdict: Verdict): string {
  return verdict.kind === "single" ? `single: ${verdict.reason}` : verdict.kind;
}

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** −1 for a free dimension. A model that leaves the rank open shows one free dimension. */
  readonly shape: readonly number[];
}

/** The same fields for REST's JSON and for gRPC's ModelMetadataResponse. */
export function modelMetadata(model: ModelMetadata): ModelMetadataMessage {
  return {
    name: model.name,
    versions: model.versions.map(String),
    platform: model.platform,
    inputs: clientInputs(model.signature).map(tensorMetadata),
    outputs: clientOutputs(model.signature).map(tensorMetadata),
  };
}

function tensorMetadata({ name, datatype, shape }: TensorSpec): TensorMetadata {
  return { name, datatype, shape: shape ?? [-1] };
}
