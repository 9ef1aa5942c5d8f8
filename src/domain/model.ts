import { ServingError } from "./error.ts";
import { modelNameBytesMax } from "./limits.ts";
import type { TensorSpec } from "./tensor.ts";
import { clip } from "./text.ts";

declare const brand: unique symbol;
/** A checked model name: 1–256 bytes of UTF-8, no `/`, `\`, control character, leading dot. */
export type ModelName = string & { readonly [brand]: "ModelName" };

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
const forbidden = /[/\\\u0000-\u001f\u007f]/u;

/** Why `text` cannot be a model name, or `undefined` when it can. */
export function modelNameProblem(text: string): string | undefined {
  if (text === "") return "a model name cannot be empty";
  if (!text.isWellFormed()) return "a model name must be valid Unicode";
  if (Buffer.byteLength(text) > modelNameBytesMax) {
    return `a model name has at most ${modelNameBytesMax} bytes`;
  }
  if (text.startsWith(".")) return "a model name cannot begin with a dot";
  if (forbidden.test(text)) return "a model name cannot hold '/', '\\' or control characters";
  return undefined;
}

/**
 * The one way from outside text to a name. No model has a name that breaks the rules, so a request
 * for one throws `model-not-found`, in the words used for any unknown model.
 */
export function parseModelName(text: string): ModelName {
  if (modelNameProblem(text) !== undefined) throw unknownModel(text);
  // The brand is given here and nowhere else.
  return text as ModelName;
}

/** A positive integer in decimal, as versions are written in paths and messages. */
export function parseVersion(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,14}$/.test(text)) return undefined;
  return Number(text);
}

/** `model-not-found`, with the phrase that Triton's clients match on. */
export function unknownModel(name: string, version?: string): ServingError {
  const which = version === undefined ? "" : ` version ${clip(version)}`;
  return new ServingError(
    "model-not-found",
    `Request for unknown model: '${clip(name)}'${which} is not found`,
  );
}

/** What a model takes and gives. `fixed`: named tensors with datatypes and shapes of their own. */
export interface Signature {
  readonly kind: "fixed";
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** What a client may know of a version of a model. */
export interface ModelMetadata {
  readonly name: ModelName;
  readonly versions: readonly number[];
  readonly platform: string;
  readonly signature: Signature;
  readonly verdict: Verdict;
}

/**
 * Whether the rows of a model's batches are independent of each other, so that requests may be
 * merged. Known some moments after the load; until then requests run alone.
 */
export type Verdict =
  | { readonly kind: "pending" }
  | { readonly kind: "batchable" }
  /** `reason` is fit for clients. */
  | { readonly kind: "single"; readonly reason: string };

/** A loaded version of a model. A new load of the same version is a new generation. */
export interface LoadedModel {
  readonly name: ModelName;
  readonly version: number;
  readonly generation: number;
  readonly platform: string;
  readonly signature: Signature;
  /** The only field that changes: from `pending` to what the probe found. */
  verdict: Verdict;
}

/** Keeps a loaded model from being unloaded until it is released (exactly once). */
export interface Lease {
  readonly model: LoadedModel;
  release(): void;
}
