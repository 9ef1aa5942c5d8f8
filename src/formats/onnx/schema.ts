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
} as const;
export const opsetProto = { domain: 1, version: 2 } as const;
export const graphProto = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
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
  floats: 7,
  ints: 8,
  strings: 9,
  type: 20,
} as const;
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;
export const tensorProto = { dims: 1, dataType: 2, stringData: 6, name: 8, rawData: 9 } as const;
export const valueInfoProto = { name: 1, type: 2 } as const;
export const typeProto = { tensor: 1, sequence: 4, map: 5, sparse: 8, optional: 9 } as const;
export const tensorTypeProto = { elemType: 1, shape: 2 } as const;
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
