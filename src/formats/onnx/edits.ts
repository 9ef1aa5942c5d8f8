import { ProtoWriter } from "../../wire/protobuf.ts";
import type { Value } from "./outline.ts";
import {
  attributeProto,
  attributeTypes,
  graphProto,
  nodeProto,
  tensorTypeProto,
  typeProto,
  valueInfoProto,
} from "./schema.ts";
import { bytesOf, type Edit } from "./splice.ts";
import type { Range } from "./types.ts";

/** The pieces that repairs put into a graph, as fields of GraphProto. */

interface CarriedValue {
  readonly name: string;
  readonly elementType: number;
  /** Where the file has the shape, names of dimensions included; `undefined` leaves it open. */
  readonly shapeRange?: Range | undefined;
}

/** Cast (ai.onnx): `from` as another element type. */
export function castOf(from: string, to: string, elementType: number): Uint8Array {
  return new ProtoWriter()
    .message(graphProto.node, (node) => {
      node
        .string(nodeProto.input, from)
        .string(nodeProto.output, to)
        .string(nodeProto.opType, "Cast");
      node.message(nodeProto.attribute, (attribute) => {
        attribute
          .string(attributeProto.name, "to")
          .int64(attributeProto.int, elementType)
          .int64(attributeProto.type, attributeTypes.int);
      });
    })
    .finish();
}

export function outputOf(path: string, value: CarriedValue): Uint8Array {
  return valueInfo(path, graphProto.output, value);
}

/** An input in another type, under another name. Its shape stays. */
export function renamedInput(path: string, input: Value, as: CarriedValue): Edit {
  const shapeRange = "shapeRange" in input.type ? input.type.shapeRange : undefined;
  return { ...input.range, bytes: valueInfo(path, graphProto.input, { ...as, shapeRange }) };
}

/** An output that is one no more: what the graph says of its type stays. */
export function typeKept(path: string, range: Range): Edit {
  const field = bytesOf(path, range);
  // Tags of fields below 16 have one byte.
  field[0] = (graphProto.valueInfo << 3) | 2;
  return { ...range, bytes: field };
}

function valueInfo(path: string, field: number, value: CarriedValue): Uint8Array {
  const { name, elementType, shapeRange } = value;
  return new ProtoWriter()
    .message(field, (info) => {
      info.string(valueInfoProto.name, name).message(valueInfoProto.type, (type) =>
        type.message(typeProto.tensor, (tensor) => {
          tensor.int64(tensorTypeProto.elemType, elementType);
          if (shapeRange !== undefined) {
            tensor.bytes(tensorTypeProto.shape, bytesOf(path, shapeRange));
          }
        }),
      );
    })
    .finish();
}
