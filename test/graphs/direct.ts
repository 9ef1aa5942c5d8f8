import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { Datatype } from "../../src/domain/datatype.ts";
import type { Tensor } from "../../src/domain/tensor.ts";

/** ONNX Runtime asked directly, by conversions of the tests' own. */

// onnxruntime-common 1.30.0 takes FP16 as Float16Array where there is one, and its binding cannot.
const hidden = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
Reflect.deleteProperty(globalThis, "Float16Array");
new OrtTensor("float32", new Float32Array(1), [1]);
if (hidden !== undefined) Object.defineProperty(globalThis, "Float16Array", hidden);

type OrtType = OrtTensor.Type;
type ArrayClass = new (buffer: ArrayBuffer) => OrtTensor.DataType;

const types: Readonly<Record<Exclude<Datatype, "BYTES" | "BF16">, readonly [OrtType, unknown]>> = {
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

function toOrt(tensor: Tensor): OrtTensor {
  const { datatype, shape } = tensor;
  if (datatype === "BYTES") return new OrtTensor("string", [...tensor.strings], shape);
  if (datatype === "BF16") throw new Error("the binding has no BF16");
  const [type, arrayClass] = types[datatype];
  const array = new (arrayClass as ArrayClass)(new Uint8Array(tensor.bytes).buffer);
  return new OrtTensor(type as "float32", array as Float32Array, shape);
}

function fromOrt(name: string, result: OrtTensor): Tensor {
  const shape = [...result.dims];
  if (result.type === "string") {
    return { name, datatype: "BYTES", shape, strings: [...(result.data as string[])] };
  }
  const found = Object.entries(types).find(([, [type]]) => type === result.type);
  if (found === undefined) throw new Error(`ONNX Runtime gave ${result.type}`);
  const { buffer, byteOffset, byteLength } = result.data as Uint8Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { name, datatype: found[0] as keyof typeof types, shape, bytes };
}

/** All outputs of a file, in its order. */
export async function runDirectly(path: string, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const session = await InferenceSession.create(path, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const feeds = Object.fromEntries(inputs.map((input) => [input.name, toOrt(input)]));
    const results = await session.run(feeds);
    return session.outputNames.map((name) => fromOrt(name, results[name] as OrtTensor));
  } finally {
    await session.release();
  }
}
