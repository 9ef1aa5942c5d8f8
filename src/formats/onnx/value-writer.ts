import type { Datatype } from "../../domain/datatype.ts";
import type { TensorSpec } from "../../domain/tensor.ts";
import type { ProtoWriter } from "../../wire/protobuf.ts";
import {
  dimProto,
  elementTypes,
  mapTypeProto,
  type OtherElementType,
  otherElementTypes,
  sequenceTypeProto,
  shapeProto,
  tensorTypeProto,
  typeProto,
  valueInfoProto,
} from "./schema.ts";

/** A type that a value of a graph can have besides a tensor of the protocols. */
export type TypeSpec =
  | {
      readonly tensor: Datatype | OtherElementType;
      readonly shape: readonly number[] | null;
    }
  | { readonly sparse: Datatype; readonly shape: readonly number[] | null }
  | { readonly sequence: TypeSpec }
  | { readonly optional: TypeSpec }
  | { readonly map: TypeSpec; readonly key: "INT64" | "BYTES" };

/** An input or output of a graph. */
export type ValueSpec = TensorSpec | { readonly name: string; readonly type: TypeSpec };

/** Writes a ValueInfoProto. */
export function writeValue(writer: ProtoWriter, spec: ValueSpec): void {
  const typed: TypeSpec = "type" in spec ? spec.type : { tensor: spec.datatype, shape: spec.shape };
  writer
    .string(valueInfoProto.name, spec.name)
    .message(valueInfoProto.type, (inner) => writeType(inner, typed));
}

function writeType(writer: ProtoWriter, type: TypeSpec): void {
  if ("tensor" in type) {
    writer.message(typeProto.tensor, (inner) => writeTensorType(inner, type.tensor, type.shape));
  } else if ("sparse" in type) {
    writer.message(typeProto.sparse, (inner) => writeTensorType(inner, type.sparse, type.shape));
  } else if ("map" in type) {
    writer.message(typeProto.map, (inner) => {
      inner.int64(mapTypeProto.keyType, elementTypes[type.key]);
      inner.message(mapTypeProto.valueType, (value) => writeType(value, type.map));
    });
  } else {
    const [field, of] =
      "sequence" in type
        ? [typeProto.sequence, type.sequence]
        : [typeProto.optional, type.optional];
    writer.message(field, (inner) =>
      inner.message(sequenceTypeProto.elemType, (element) => writeType(element, of)),
    );
  }
}

function writeTensorType(
  writer: ProtoWriter,
  elementType: Datatype | OtherElementType,
  shape: readonly number[] | null,
): void {
  const numbers: Readonly<Record<string, number>> = { ...elementTypes, ...otherElementTypes };
  writer.int64(tensorTypeProto.elemType, numbers[elementType] ?? 0);
  if (shape === null) return;
  writer.message(tensorTypeProto.shape, (dims) => {
    for (const [axis, dim] of shape.entries()) writeDim(dims, dim, axis);
  });
}

/** A free first dimension is called `batch`; other free dimensions by their axis. */
function writeDim(writer: ProtoWriter, dim: number, axis: number): void {
  writer.message(shapeProto.dim, (inner) => {
    if (dim >= 0) inner.int64(dimProto.value, dim);
    else inner.string(dimProto.param, axis === 0 ? "batch" : `dim_${axis}`);
  });
}
