import { type Datatype, datatypes } from "../../domain/datatype.ts";
import type { FixedSignature } from "../../domain/model.ts";
import type { TensorSpec } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import { FileCursor } from "./cursor.ts";
import {
  dimProto,
  elementTypes,
  graphProto,
  modelProto,
  shapeProto,
  tensorProto,
  tensorTypeProto,
  typeProto,
  valueInfoProto,
} from "./schema.ts";

/**
 * Reads the inputs and outputs of an ONNX graph from its file. Initializers that old files (IR
 * before 4) list among the inputs are left out. Throws FormatError for a file that is no ONNX model
 * or takes or gives what cannot be served.
 */
export function readSignature(path: string): FixedSignature {
  const cursor = new FileCursor(path);
  try {
    return readModel(cursor);
  } finally {
    cursor.close();
  }
}

function readModel(cursor: FileCursor): FixedSignature {
  let signature: FixedSignature | undefined;
  let irVersion: number | undefined;
  while (!cursor.atEnd) {
    const tag = cursor.varint();
    if (tag >>> 3 === modelProto.graph && (tag & 7) === 2) {
      signature = readGraph(cursor, end(cursor));
    } else if (tag >>> 3 === modelProto.irVersion && (tag & 7) === 0) irVersion = cursor.varint();
    else cursor.skip(tag & 7);
  }
  if (irVersion === undefined || signature === undefined) {
    throw new FormatError("not an ONNX model: it has no IR version or no graph");
  }
  return signature;
}

interface Value {
  readonly name: string;
  readonly kind: "tensor" | "sequence" | "map" | "sparse tensor" | "optional" | "unknown";
  readonly elementType: number;
  readonly shape: readonly number[] | null;
}

function readGraph(cursor: FileCursor, graphEnd: number): FixedSignature {
  const initializers = new Set<string>();
  const inputs: Value[] = [];
  const outputs: Value[] = [];
  eachField(cursor, graphEnd, (field) => {
    if (field === graphProto.initializer) initializers.add(readTensorName(cursor, end(cursor)));
    else if (field === graphProto.input) inputs.push(readValue(cursor, end(cursor)));
    else if (field === graphProto.output) outputs.push(readValue(cursor, end(cursor)));
    else return false;
    return true;
  });
  return {
    kind: "fixed",
    inputs: inputs.filter(({ name }) => !initializers.has(name)).map((v) => spec(v, "input")),
    outputs: outputs.map((value) => spec(value, "output")),
  };
}

/** The end of the length-delimited field that begins here. */
function end(cursor: FileCursor): number {
  const length = cursor.varint();
  return cursor.position + length;
}

/** Goes through the length-delimited and varint fields of a message; `take` reads or declines. */
function eachField(
  cursor: FileCursor,
  messageEnd: number,
  take: (field: number, wireType: number) => boolean,
): void {
  while (cursor.position < messageEnd) {
    const tag = cursor.varint();
    if (!take(tag >>> 3, tag & 7)) cursor.skip(tag & 7);
  }
  if (cursor.position !== messageEnd) {
    throw new FormatError("not an ONNX model: a message does not end where it says");
  }
}

function readTensorName(cursor: FileCursor, tensorEnd: number): string {
  let name = "";
  eachField(cursor, tensorEnd, (field) => {
    if (field !== tensorProto.name) return false;
    name = cursor.text(cursor.varint());
    return true;
  });
  return name;
}

function readValue(cursor: FileCursor, valueEnd: number): Value {
  let name = "";
  let type: Omit<Value, "name"> = { kind: "unknown", elementType: 0, shape: null };
  eachField(cursor, valueEnd, (field) => {
    if (field === valueInfoProto.name) name = cursor.text(cursor.varint());
    else if (field === valueInfoProto.type) type = readType(cursor, end(cursor));
    else return false;
    return true;
  });
  return { name, ...type };
}

const kinds: ReadonlyMap<number, Value["kind"]> = new Map([
  [typeProto.sequence, "sequence"],
  [typeProto.map, "map"],
  [typeProto.sparse, "sparse tensor"],
  [typeProto.optional, "optional"],
]);

function readType(cursor: FileCursor, typeEnd: number): Omit<Value, "name"> {
  let kind: Value["kind"] = "unknown";
  let elementType = 0;
  let shape: number[] | null = null;
  eachField(cursor, typeEnd, (field) => {
    kind = kinds.get(field) ?? kind;
    if (field !== typeProto.tensor) return false;
    kind = "tensor";
    eachField(cursor, end(cursor), (inner) => {
      if (inner === tensorTypeProto.elemType) elementType = cursor.varint();
      else if (inner === tensorTypeProto.shape) shape = readShape(cursor, end(cursor));
      else return false;
      return true;
    });
    return true;
  });
  return { kind, elementType, shape };
}

function readShape(cursor: FileCursor, shapeEnd: number): number[] {
  const dims: number[] = [];
  eachField(cursor, shapeEnd, (field) => {
    if (field !== shapeProto.dim) return false;
    let dim = -1;
    eachField(cursor, end(cursor), (inner) => {
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

const datatypeOf: ReadonlyMap<number, Datatype> = new Map(
  datatypes.map((datatype) => [elementTypes[datatype], datatype]),
);

function spec(value: Value, role: "input" | "output"): TensorSpec {
  const named = `${role} '${clip(value.name)}'`;
  if (value.kind !== "tensor") {
    throw new FormatError(`${named} is of type ${value.kind}, but only tensors can be served`);
  }
  const datatype = datatypeOf.get(value.elementType);
  if (datatype === undefined || datatype === "BF16") {
    const type = datatype ?? `number ${value.elementType}`;
    throw new FormatError(`${named} has element type ${type}, which cannot be served`);
  }
  return { name: value.name, datatype, shape: value.shape };
}
