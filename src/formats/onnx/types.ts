import { FormatError } from "../error.ts";
import type { FileCursor } from "./cursor.ts";
import {
  dimProto,
  mapTypeProto,
  sequenceTypeProto,
  shapeProto,
  tensorTypeProto,
  typeProto,
} from "./schema.ts";

/** Bytes of the file, from `from` up to and without `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The type of a value of a graph (TypeProto). */
export type ValueType =
  | {
      readonly kind: "tensor" | "sparse tensor";
      readonly elementType: number;
      /** −1 for a free dimension; `null` where even the rank is open. */
      readonly shape: readonly number[] | null;
      /** Where the shape's message lies, its names of dimensions included. */
      readonly shapeRange: Range | undefined;
    }
  | { readonly kind: "sequence" | "optional" | "map"; readonly of: ValueType }
  | { readonly kind: "unknown" };

const unknown: ValueType = { kind: "unknown" };
const depthMax = 8;
const rankMax = 1_024;

/** Reads a TypeProto that ends at `typeEnd`. */
export function readType(cursor: FileCursor, typeEnd: number, depth = 0): ValueType {
  if (depth > depthMax) throw new FormatError("not an ONNX model: a type is nested too deep");
  let type: ValueType = unknown;
  const inner = (kind: "sequence" | "optional" | "map", field: number) => {
    type = { kind, of: readInner(cursor, field, depth) };
  };
  cursor.fields(typeEnd, (field) => {
    if (field === typeProto.tensor) type = readTensorType(cursor, "tensor");
    else if (field === typeProto.sparse) type = readTensorType(cursor, "sparse tensor");
    else if (field === typeProto.sequence) inner("sequence", sequenceTypeProto.elemType);
    else if (field === typeProto.optional) inner("optional", sequenceTypeProto.elemType);
    else if (field === typeProto.map) inner("map", mapTypeProto.valueType);
    else return false;
    return true;
  });
  return type;
}

/** A type as a reader knows it from the names of ONNX: `sequence of map of tensor`. */
export function typeName(type: ValueType): string {
  return "of" in type ? `${type.kind} of ${typeName(type.of)}` : type.kind;
}

function readInner(cursor: FileCursor, field: number, depth: number): ValueType {
  let type: ValueType = unknown;
  cursor.fields(cursor.fieldEnd(), (inner) => {
    if (inner !== field) return false;
    type = readType(cursor, cursor.fieldEnd(), depth + 1);
    return true;
  });
  return type;
}

function readTensorType(cursor: FileCursor, kind: "tensor" | "sparse tensor"): ValueType {
  let elementType = 0;
  let shape: number[] | null = null;
  let shapeRange: Range | undefined;
  cursor.fields(cursor.fieldEnd(), (field) => {
    if (field === tensorTypeProto.elemType) elementType = cursor.varint();
    else if (field === tensorTypeProto.shape) {
      const to = cursor.fieldEnd();
      shapeRange = { from: cursor.position, to };
      shape = readShape(cursor, to);
    } else return false;
    return true;
  });
  return { kind, elementType, shape, shapeRange };
}

function readShape(cursor: FileCursor, shapeEnd: number): number[] {
  const dims: number[] = [];
  cursor.fields(shapeEnd, (field) => {
    if (field !== shapeProto.dim) return false;
    if (dims.length === rankMax) throw new FormatError("not an ONNX model: a shape has no end");
    let dim = -1;
    cursor.fields(cursor.fieldEnd(), (inner) => {
      if (inner !== dimProto.value) return false;
      // Exporters write free dimensions as names, as nothing, or as −1 in ten bytes.
      const value = cursor.varint();
      dim = value <= Number.MAX_SAFE_INTEGER ? value : -1;
      return true;
    });
    dims.push(dim);
    return true;
  });
  return dims;
}
