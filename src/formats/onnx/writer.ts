import type { FixedDatatype } from "../../domain/datatype.ts";
import type { Tensor, TensorSpec } from "../../domain/tensor.ts";
import { ProtoWriter } from "../../wire/protobuf.ts";
import {
  attributeProto,
  attributeTypes,
  dimProto,
  elementTypes,
  graphProto,
  modelProto,
  nodeProto,
  opsetProto,
  shapeProto,
  tensorProto,
  tensorTypeProto,
  typeProto,
  valueInfoProto,
} from "./schema.ts";

/** An attribute of a node, by the type that onnx.proto gives it. */
export type Attribute =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly string: string }
  | { readonly tensor: Tensor }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly strings: readonly string[] };

export interface GraphNode {
  readonly op: string;
  /** Empty for the default domain, `ai.onnx.ml` for the classical models. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A graph to be written. Tensors carry their own names. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Tensor[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface ModelOptions {
  /** Opset version by domain; the default domain is the empty string. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion?: number;
}

const irVersionDefault = 9;

/** An ONNX file (ModelProto). The same graph gives the same bytes. */
export function writeModel(graph: Graph, options: ModelOptions): Uint8Array {
  const model = new ProtoWriter(4096)
    .int64(modelProto.irVersion, options.irVersion ?? irVersionDefault)
    .string(modelProto.producerName, "thaw")
    .message(modelProto.graph, (writer) => writeGraph(writer, graph));
  for (const [domain, version] of Object.entries(options.opsets)) {
    model.message(modelProto.opsetImport, (writer) => {
      if (domain !== "") writer.string(opsetProto.domain, domain);
      writer.int64(opsetProto.version, version);
    });
  }
  return model.finish();
}

function writeGraph(writer: ProtoWriter, graph: Graph): void {
  for (const node of graph.nodes) {
    writer.message(graphProto.node, (inner) => writeNode(inner, node));
  }
  writer.string(graphProto.name, graph.name);
  for (const tensor of graph.initializers) {
    writer.message(graphProto.initializer, (inner) => writeTensor(inner, tensor));
  }
  for (const spec of graph.inputs) {
    writer.message(graphProto.input, (inner) => writeValue(inner, spec));
  }
  for (const spec of graph.outputs) {
    writer.message(graphProto.output, (inner) => writeValue(inner, spec));
  }
}

function writeNode(writer: ProtoWriter, node: GraphNode): void {
  for (const name of node.inputs) writer.string(nodeProto.input, name);
  for (const name of node.outputs) writer.string(nodeProto.output, name);
  writer.string(nodeProto.opType, node.op);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) {
    writer.message(nodeProto.attribute, (inner) => {
      inner.string(attributeProto.name, name);
      writeAttribute(inner, attribute);
    });
  }
  if (node.domain !== undefined) writer.string(nodeProto.domain, node.domain);
}

function writeAttribute(writer: ProtoWriter, attribute: Attribute): void {
  let type: keyof typeof attributeTypes;
  if ("float" in attribute) {
    type = "float";
    writer.float(attributeProto.float, attribute.float);
  } else if ("int" in attribute) {
    type = "int";
    writer.int64(attributeProto.int, attribute.int);
  } else if ("string" in attribute) {
    type = "string";
    writer.string(attributeProto.string, attribute.string);
  } else if ("tensor" in attribute) {
    type = "tensor";
    writer.message(attributeProto.tensor, (inner) => writeTensor(inner, attribute.tensor));
  } else if ("floats" in attribute) {
    type = "floats";
    for (const value of attribute.floats) writer.float(attributeProto.floats, value);
  } else if ("ints" in attribute) {
    type = "ints";
    for (const value of attribute.ints) writer.int64(attributeProto.ints, value);
  } else {
    type = "strings";
    for (const value of attribute.strings) writer.string(attributeProto.strings, value);
  }
  writer.int64(attributeProto.type, attributeTypes[type]);
}

function writeTensor(writer: ProtoWriter, tensor: Tensor): void {
  for (const dim of tensor.shape) writer.int64(tensorProto.dims, dim);
  writer.int64(tensorProto.dataType, elementTypes[tensor.datatype]);
  if (tensor.datatype === "BYTES") {
    for (const text of tensor.strings) writer.string(tensorProto.stringData, text);
  }
  if (tensor.name !== "") writer.string(tensorProto.name, tensor.name);
  if (tensor.datatype !== "BYTES") writer.bytes(tensorProto.rawData, tensor.bytes);
}

function writeValue(writer: ProtoWriter, spec: TensorSpec): void {
  writer.string(valueInfoProto.name, spec.name).message(valueInfoProto.type, (type) =>
    type.message(typeProto.tensor, (tensor) => {
      tensor.int64(tensorTypeProto.elemType, elementTypes[spec.datatype]);
      const { shape } = spec;
      if (shape === null) return;
      tensor.message(tensorTypeProto.shape, (dims) => {
        for (const [axis, dim] of shape.entries()) writeDim(dims, dim, axis);
      });
    }),
  );
}

/** A free first dimension is called `batch`; other free dimensions by their axis. */
function writeDim(writer: ProtoWriter, dim: number, axis: number): void {
  writer.message(shapeProto.dim, (inner) => {
    if (dim >= 0) inner.int64(dimProto.value, dim);
    else inner.string(dimProto.param, axis === 0 ? "batch" : `dim_${axis}`);
  });
}

/** Numbers as a tensor to put into a graph. */
export function tensorOf(
  name: string,
  datatype: FixedDatatype,
  shape: readonly number[],
  values: ArrayBufferView,
): Tensor {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, datatype, shape, bytes };
}
