import type { Datatype } from "../domain/datatype.ts";
import {
  type ConfigValue,
  clientInputs,
  clientOutputs,
  type LoadedModel,
  type ModelConfig,
} from "../domain/model.ts";
import type { TensorSpec } from "../domain/tensor.ts";
import type { PlannedVersion } from "./plan.ts";
import type { VersionPolicy } from "./settings.ts";

/**
 * A model's configuration as Triton shows it (`ModelConfig` of its model_config.proto): what was
 * written, completed by what the model itself says.
 */
export function configOf(model: LoadedModel, { settings, modelPath }: PlannedVersion): ModelConfig {
  const { signature, rowsMax, name } = model;
  const written = settings.config ?? {};
  const batched = rowsMax !== undefined;
  const instances = settings.instances ?? 1;
  return {
    platform: model.platform,
    backend: "onnxruntime",
    runtime: "",
    instance_group: [{ name, kind: "KIND_CPU", count: instances, gpus: [] }],
    default_model_filename: modelPath.slice(modelPath.lastIndexOf("/") + 1),
    cc_model_filenames: {},
    metric_tags: {},
    parameters: {},
    model_warmup: [],
    batch_input: [],
    batch_output: [],
    ...written,
    name,
    version_policy: policyConfig(settings.versionPolicy),
    max_batch_size: rowsMax ?? 0,
    input: clientInputs(signature).map((spec) => inputConfig(spec, batched)),
    output: clientOutputs(signature).map((spec) => outputConfig(spec, batched, written)),
  };
}

/** Triton's name of a datatype. */
export function configDatatype(datatype: Datatype): string {
  return datatype === "BYTES" ? "TYPE_STRING" : `TYPE_${datatype}`;
}

function inputConfig(spec: TensorSpec, batched: boolean): ModelConfig {
  return {
    ...tensorConfig(spec, batched),
    format: "FORMAT_NONE",
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
  };
}

function outputConfig(spec: TensorSpec, batched: boolean, written: ModelConfig): ModelConfig {
  const outputs = Array.isArray(written["output"]) ? written["output"] : [];
  const own = outputs.find((one) => isMessage(one) && one["name"] === spec.name);
  const labels = isMessage(own) ? own["label_filename"] : undefined;
  const label_filename = typeof labels === "string" ? labels : "";
  return { ...tensorConfig(spec, batched), label_filename, is_shape_tensor: false };
}

function tensorConfig({ name, datatype, shape }: TensorSpec, batched: boolean): ModelConfig {
  const dims = (shape ?? [-1]).slice(batched ? 1 : 0);
  return { name, data_type: configDatatype(datatype), dims };
}

function policyConfig(policy: VersionPolicy | undefined): ModelConfig {
  switch (policy?.kind) {
    case "latest":
      return { latest: { num_versions: policy.count } };
    case "specific":
      return { specific: { versions: policy.versions } };
    case "all":
    case undefined:
      return { all: {} };
    default:
      return policy satisfies never;
  }
}

function isMessage(value: ConfigValue | undefined): value is ModelConfig {
  return typeof value === "object" && !Array.isArray(value);
}
