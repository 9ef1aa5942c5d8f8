import type { Datatype } from "./datatype.ts";
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

/** What a model takes and gives. Data only: it crosses between threads and goes to the cache. */
export type Signature = FixedSignature | TabularSignature;

/** Named tensors with datatypes and shapes of their own, which are those of the graph. */
export interface FixedSignature {
  readonly kind: "fixed";
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Rows of a table in any form and numeric datatype, as Python's servers of such models do. */
export interface TabularSignature {
  readonly kind: "tabular";
  /** Whose habits and phrases are kept. */
  readonly library: "sklearn" | "xgboost" | "lightgbm";
  /** What the library calls the part that checks its input: of a pipeline the first step. */
  readonly estimator: string;
  /** In the order in which the model was fitted. */
  readonly columns: readonly TableColumn[];
  /** The graph's inputs, in its order. */
  readonly feeds: readonly Feed[];
  /** What the model can be asked for. */
  readonly methods: readonly Method[];
  /** What is answered to a request that asks for nothing; one of `methods`. */
  readonly method: MethodName;
  /** How that is named and shaped: `output-0` [-1], or by its method and [-1,1]. */
  readonly style: TabularStyle;
}

export type TableColumn = NumberColumn | TextColumn;

export interface NumberColumn {
  readonly type: "number";
  /** `undefined` where the model was fitted without names. */
  readonly name: string | undefined;
  /** Whether NaN, and then infinities too, are values that the model takes. */
  readonly takes: "finite" | "missing" | "any";
}

export interface TextColumn {
  readonly type: "text";
  readonly name: string | undefined;
  /** What the graph takes for a missing value; `undefined` where it takes none. */
  readonly missing: string | undefined;
}

/** An input of the graph: the matrix [-1, k] of k columns of the table, by index. */
export interface Feed {
  readonly name: string;
  /** FP32 and FP64 for columns of numbers, BYTES for columns of text. */
  readonly datatype: "FP32" | "FP64" | "BYTES";
  readonly columns: readonly number[];
}

export const methodNames = ["predict", "predict_proba", "decision_function", "transform"] as const;
export type MethodName = (typeof methodNames)[number];

/** A method of an estimator, and the output of the graph that has its answer. */
export interface Method {
  readonly name: MethodName;
  readonly output: string;
  readonly datatype: Datatype;
  /** [-1] or [-1, k]. */
  readonly shape: readonly number[];
}

export type TabularStyle = "kserve" | "mlserver";

/** The name of every tabular model's answer, as KServe's servers have it. */
export const tabularOutput = "output-0";

/** The tensors that clients are told to send. Tabular models take others, too. */
export function clientInputs(signature: Signature): readonly TensorSpec[] {
  if (signature.kind === "fixed") return signature.inputs;
  const { columns, feeds } = signature;
  const numbers = feeds.find(({ datatype }) => datatype !== "BYTES")?.datatype ?? "FP64";
  const datatypeOf = ({ type }: TableColumn) => (type === "text" ? "BYTES" : numbers);
  const kinds = new Set(columns.map(datatypeOf));
  const [only] = kinds;
  if (kinds.size === 1 && only !== undefined) {
    return [{ name: "input-0", datatype: only, shape: [-1, columns.length] }];
  }
  // One tensor cannot hold numbers and text.
  return columns.map((column, index) => ({
    name: column.name ?? `input-${index}`,
    datatype: datatypeOf(column),
    shape: [-1],
  }));
}

/** The tensors that a request without requested outputs is answered with. */
export function clientOutputs(signature: Signature): readonly TensorSpec[] {
  if (signature.kind === "fixed") return signature.outputs;
  const { methods, method, style } = signature;
  return methods
    .filter(({ name }) => name === method)
    .map(({ name, datatype, shape }) =>
      style === "kserve"
        ? { name: tabularOutput, datatype, shape }
        : { name, datatype, shape: shape.length === 1 ? [...shape, 1] : shape },
    );
}

/** The tensors that a graph takes, in its order. */
export function graphInputs(signature: Signature): readonly TensorSpec[] {
  if (signature.kind === "fixed") return signature.inputs;
  return signature.feeds.map(({ name, datatype, columns }) => ({
    name,
    datatype,
    shape: [-1, columns.length],
  }));
}

/** The tensors that a graph gives. */
export function graphOutputs(signature: Signature): readonly TensorSpec[] {
  if (signature.kind === "fixed") return signature.outputs;
  return signature.methods.map(({ output, datatype, shape }) => ({
    name: output,
    datatype,
    shape,
  }));
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
  /** The rows that a request may have at most, where the model's configuration says so. */
  readonly rowsMax?: number;
  /** The only field that changes: from `pending` to what the probe found. */
  verdict: Verdict;
}

/** A model configuration in the JSON form of Triton's `ModelConfig`, its fields in snake case. */
export type ModelConfig = { readonly [field: string]: ConfigValue };
export type ConfigValue = string | number | boolean | readonly ConfigValue[] | ModelConfig;

/** Keeps a loaded model from being unloaded until it is released (exactly once). */
export interface Lease {
  readonly model: LoadedModel;
  release(): void;
}
