import type { InferenceSession, Tensor as NativeTensor } from "onnxruntime-node";
import type { FixedDatatype } from "../domain/datatype.ts";
import { bytesPerElement } from "../domain/datatype.ts";
import { assert } from "../domain/error.ts";
import type { Tensor } from "../domain/tensor.ts";
import { createInferenceSession, OrtTensor } from "./ort.ts";

/** Domain tensors ⇄ ONNX Runtime's, and the session options that thaw relies on. */

type OrtType = NativeTensor.Type;
type TypedArray = ArrayBufferView & { readonly length: number };
type ArrayClass = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;

/** ONNX Runtime's name of each datatype, and the array in which its binding takes the elements. */
const ortTypes: Readonly<Record<Exclude<FixedDatatype, "BF16">, readonly [OrtType, ArrayClass]>> = {
  BOOL: ["bool", Uint8Array],
  UINT8: ["uint8", Uint8Array],
  UINT16: ["uint16", Uint16Array],
  UINT32: ["uint32", Uint32Array],
  UINT64: ["uint64", BigUint64Array],
  INT8: ["int8", Int8Array],
  INT16: ["int16", Int16Array],
  INT32: ["int32", Int32Array],
  INT64: ["int64", BigInt64Array],
  FP16: ["float16", Uint16Array],
  FP32: ["float32", Float32Array],
  FP64: ["float64", Float64Array],
};

const datatypeOf: ReadonlyMap<string, FixedDatatype> = new Map([
  ["bool", "BOOL"],
  ["uint8", "UINT8"],
  ["uint16", "UINT16"],
  ["uint32", "UINT32"],
  ["uint64", "UINT64"],
  ["int8", "INT8"],
  ["int16", "INT16"],
  ["int32", "INT32"],
  ["int64", "INT64"],
  ["float16", "FP16"],
  ["float32", "FP32"],
  ["float64", "FP64"],
]);

export interface SessionPlan {
  /** A file, which takes half the memory, or bytes. */
  readonly source: string | Uint8Array;
  /** Where weights in files of their own lie, if not beside the file. */
  readonly weightsFolder?: string;
  readonly threads: number;
  /** No fusions: some of them keep a double's factor in single precision. */
  readonly exact?: boolean;
  /** Where the optimised graph is written to, without what suits this CPU alone. */
  readonly optimized?: string;
}

export function createSession(plan: SessionPlan): Promise<InferenceSession> {
  const { source, weightsFolder, threads, exact = false, optimized } = plan;
  const options: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: exact ? "basic" : optimized === undefined ? "all" : "extended",
    ...(optimized === undefined ? {} : { optimizedModelFilePath: optimized }),
    enableCpuMemArena: true,
    enableMemPattern: true,
    logSeverityLevel: 4,
    extra: {
      session: {
        // A spinning thread costs a small pod a whole core, for 40 µs a run.
        intra_op: { allow_spinning: "0" },
        inter_op: { allow_spinning: "0" },
        ...(weightsFolder === undefined
          ? {}
          : { model_external_initializers_file_folder_path: weightsFolder }),
      },
    },
  };
  // Each kind of source has a signature of its own.
  return typeof source === "string"
    ? createInferenceSession(source, options)
    : createInferenceSession(source, options);
}

/** Copies nothing where the bytes are aligned. */
export function toOrt(tensor: Tensor): NativeTensor {
  if (tensor.datatype === "BYTES") {
    return new OrtTensor("string", [...tensor.strings], tensor.shape);
  }
  const { datatype, bytes, shape } = tensor;
  assert(datatype !== "BF16", "a BF16 tensor reached a session");
  const [type, arrayClass] = ortTypes[datatype];
  const size = bytesPerElement(datatype);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  const array = new arrayClass(buffer, byteOffset, byteLength / size);
  // The constructor's type leaves no way to pair a type with its array in a table.
  return new OrtTensor(type, array as unknown as NativeTensor.DataType, shape);
}

export function fromOrt(name: string, tensor: NativeTensor): Tensor {
  const shape = [...tensor.dims];
  if (tensor.type === "string") {
    return { name, datatype: "BYTES", shape, strings: textsOf(tensor.data) };
  }
  const datatype = datatypeOf.get(tensor.type);
  assert(datatype !== undefined, `ONNX Runtime returned a tensor of type ${tensor.type}`);
  assert(ArrayBuffer.isView(tensor.data), "ONNX Runtime returned numbers outside of an array");
  const { buffer, byteOffset, byteLength } = tensor.data;
  return { name, datatype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function textsOf(elements: NativeTensor["data"]): string[] {
  return Array.from(elements as ArrayLike<unknown>, String);
}
