import { type Datatype, datatypes } from "../../domain/datatype.ts";
import { elementTypes, otherElementTypes } from "./schema.ts";

/** What becomes of each element type at the edge of a graph. */

/**
 * ONNX Runtime's binding (onnxruntime-node 1.30.0) refuses a graph with one of these at its edge,
 * or cannot read their elements. A Cast inside the graph gives the binding `carrier`, which holds
 * each of their values, and the client gets `datatype`. Only BF16 has a datatype of its own, so
 * that only BF16 can be an input: the others would be rounded without a word.
 */
export interface Widening {
  readonly datatype: Datatype;
  readonly carrier: "FP32" | "INT8" | "UINT8";
  /** The first opset whose Cast knows the type. */
  readonly opset: number;
}

const eighth: Widening = { datatype: "FP32", carrier: "FP32", opset: 19 };

const widenings: ReadonlyMap<number, Widening> = new Map([
  [elementTypes.BF16, { datatype: "BF16", carrier: "FP32", opset: 13 }],
  [otherElementTypes.float8e4m3fn, eighth],
  [otherElementTypes.float8e4m3fnuz, eighth],
  [otherElementTypes.float8e5m2, eighth],
  [otherElementTypes.float8e5m2fnuz, eighth],
  [otherElementTypes.uint4, { datatype: "UINT8", carrier: "UINT8", opset: 21 }],
  [otherElementTypes.int4, { datatype: "INT8", carrier: "INT8", opset: 21 }],
]);

export function wideningOf(elementType: number): Widening | undefined {
  return widenings.get(elementType);
}

const byNumber: ReadonlyMap<number, Datatype> = new Map(
  datatypes.map((datatype) => [elementTypes[datatype], datatype]),
);

/** The datatype of an element type; `undefined` where no protocol has one. */
export function datatypeOf(elementType: number): Datatype | undefined {
  return byNumber.get(elementType);
}

const otherNames: ReadonlyMap<number, string> = new Map(
  Object.entries(otherElementTypes).map(([name, number]) => [number, name]),
);

/** An element type as ONNX calls it. */
export function elementTypeName(elementType: number): string {
  return datatypeOf(elementType) ?? otherNames.get(elementType) ?? `number ${elementType}`;
}
