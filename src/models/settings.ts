import type { Datatype } from "../domain/datatype.ts";
import type { ModelConfig } from "../domain/model.ts";

/** What the files beside a model may say of it, whatever their form. */

export type VersionPolicy =
  | { readonly kind: "all" }
  /** The highest. */
  | { readonly kind: "latest"; readonly count: number }
  | { readonly kind: "specific"; readonly versions: readonly number[] };

/** A tensor as a configuration declares it. */
export interface DeclaredTensor {
  readonly name: string;
  /** Absent where it is left to the model. */
  readonly datatype?: Datatype;
  /** Without the batch where `rowsMax` is given; absent where it is left to the model. */
  readonly dims?: readonly number[];
}

export interface ModelSettings {
  readonly name?: string;
  /** What V2's metadata shows. */
  readonly platform?: string;
  /** The model's file, below its version's folder. */
  readonly modelFile?: string;
  readonly versionPolicy?: VersionPolicy;
  /** Triton's `max_batch_size` where it is above 0: the first dimension is a batch of so many. */
  readonly rowsMax?: number;
  readonly batching?: "auto" | "off";
  readonly instances?: number;
  readonly threads?: number;
  readonly warmUpRows?: number;
  readonly pinned?: boolean;
  readonly load?: "eager" | "lazy";
  readonly inputs?: readonly DeclaredTensor[];
  readonly outputs?: readonly DeclaredTensor[];
  readonly tabular?: "kserve" | "mlserver";
  readonly predict?: "labels" | "proba";
  readonly labels?: string;
  /** What was written in Triton's form, to be shown again. */
  readonly config?: ModelConfig;
  /** Fields that mean nothing here, to be named once in the log. */
  readonly ignored?: readonly string[];
}

export const noSettings: ModelSettings = {};

/** A file beside a model that cannot be understood. The message is for the operator. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}
