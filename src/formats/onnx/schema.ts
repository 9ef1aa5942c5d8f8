import type { Datatype } from "../../domain/datatype.ts";

/**
 * The parts of onnx.proto (onnx/onnx, IR version 10) that thaw reads and writes: field numbers of
 * its messages, and the element types.
 */

export const modelProto = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  graph: 7,
  opsetImport: 8,
  functions: 25,
} as const;
export const opsetProto = { domain: 1, version: 2 } as const;
export const functionProto = {
  name: 1,
  input: 4,
  output: 5,
  attribute: 6,
  node: 7,
  opsetImport: 9,
  domain: 10,
} as const;
export const graphProto = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  sparseInitializer: 15,
} as const;
export const nodeProto = {
  input: 1,
  output: 2,
  name: 3,
  opType: 4,
  attribute: 5,
  domain: 7,
} as const;
export const attributeProto = {
  name: 1,
  float: 2,
  int: 3,
  string: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
  reference: 21,
  sparse: 22,
} as const;
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparse: 11,
} as const;
export const tensorProto = {
  dims: 1,
  dataType: 2,
  stringData: 6,
  name: 8,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
export const sparseTensorProto = { values: 1, indices: 2, dims: 3 } as const;
export const stringStringProto = { key: 1, value: 2 } as const;
export const valueInfoProto = { name: 1, type: 2 } as const;
export const typeProto = { tensor: 1, sequence: 4, map: 5, sparse: 8, optional: 9 } as const;
export const tensorTypeProto = { elemType: 1, shape: 2 } as const;
export const sequenceTypeProto = { elemType: 1 } as const;
export const mapTypeProto = { keyType: 1, valueType: 2 } as const;
export const shapeProto = { dim: 1 } as const;
export const dimProto = { value: 1, param: 2 } as const;

/** TensorProto.DataType by protocol datatype. */
export const elementTypes: Readonly<Record<Datatype, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
};

/** TensorProto.DataType of what no protocol has a datatype for. */
export const otherElementTypes = {
  complex64: 14,
  complex128: 15,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;
export type OtherElementType = keyof typeof otherElementTypes;

/** What ONNX Runtime 1.30.0 reads; one more of either and it refuses to load. */
export const irVersionMax = 13;
export const opsetVersionsMax: Readonly<Record<string, number>> = {
  "": 26,
  "ai.onnx": 26,
  "ai.onnx.ml": 5,
  "ai.onnx.preview.training": 1,
  "com.microsoft": 1,
};
