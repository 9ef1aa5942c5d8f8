import type { FixedDatatype } from "../../domain/datatype.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { ProtoWriter } from "../../wire/protobuf.ts";
import {
  attributeProto,
  attributeTypes,
  elementTypes,
  functionProto,
  graphProto,
  modelProto,
  nodeProto,
  type OtherElementType,
  opsetProto,
  otherElementTypes,
  sparseTensorProto,
  stringStringProto,
  tensorProto,
} from "./schema.ts";
import { type ValueSpec, writeValue } from "./value-writer.ts";

/** An attribute of a node, by the type that onnx.proto gives it. */
export type Attribute =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly string: string }
  | { readonly tensor: Tensor }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly (number | bigint)[] | Int32Array | Uint8Array }
  | { readonly strings: readonly string[] }
  | { readonly graph: Graph }
  | { readonly graphs: readonly Graph[] }
  | { readonly tensors: readonly Tensor[] }
  | { readonly sparse: SparseTensor }
  /** In the body of a function: the attribute of this name that its caller gives. */
  | { readonly reference: string; readonly type: keyof typeof attributeTypes };

/** The elements of `values` (rank 1) at `indices` (linear, ascending); zero elsewhere. */
export interface SparseTensor {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly shape: readonly number[];
}

/** A tensor of an element type that no protocol has, packed as onnx.proto says. */
export interface PackedTensor {
  readonly name: string;
  readonly elementType: OtherElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A tensor whose bytes lie in a file beside the model's. */
export interface ExternalTensor {
  readonly name: string;
  readonly datatype: FixedDatatype;
  readonly shape: readonly number[];
  readonly location: string;
  readonly offset?: number;
  readonly length?: number;
}

export type Initializer = Tensor | PackedTensor | ExternalTensor;

export interface GraphNode {
  readonly op: string;
  /** Empty for the default domain, `ai.onnx.ml` for the classical models. */
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A graph to be written. Tensors carry their own names. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Initializer[];
  readonly sparseInitializers?: readonly SparseTensor[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
}

/** An operator made of others (FunctionProto). */
export interface GraphFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of the attributes that a caller gives. */
  readonly attributes?: readonly string[];
  readonly nodes: readonly GraphNode[];
  readonly opsets: Readonly<Record<string, number>>;
}

export interface ModelOptions {
  /** Opset version by domain; the default domain is the empty string. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion?: number;
  readonly functions?: readonly GraphFunction[];
}

const irVersionDefault = 9;

/** An ONNX file (ModelProto). The same graph gives the same bytes. */
export function writeModel(graph: Graph, options: ModelOptions): Uint8Array {
  const model = new ProtoWriter(4096)
    .int64(modelProto.irVersion, options.irVersion ?? irVersionDefault)
    .string(modelProto.producerName, "thaw")
    .message(modelProto.graph, (writer) => writeGraph(writer, graph));
  writeOpsets(model, modelProto.opsetImport, options.opsets);
  for (const made of options.functions ?? []) {
    model.message(modelProto.functions, (writer) => writeFunction(writer, made));
  }
  return model.finish();
}

function writeOpsets(
  writer: ProtoWriter,
  field: number,
  opsets: Readonly<Record<string, number>>,
): void {
  for (const [domain, version] of Object.entries(opsets)) {
    writer.message(field, (inner) => {
      if (domain !== "") inner.string(opsetProto.domain, domain);
      inner.int64(opsetProto.version, version);
    });
  }
}

function writeFunction(writer: ProtoWriter, made: GraphFunction): void {
  writer.string(functionProto.name, made.name).string(functionProto.domain, made.domain);
  for (const name of made.inputs) writer.string(functionProto.input, name);
  for (const name of made.outputs) writer.string(functionProto.output, name);
  for (const name of made.attributes ?? []) writer.string(functionProto.attribute, name);
  for (const node of made.nodes) {
    writer.message(functionProto.node, (inner) => writeNode(inner, node));
  }
  writeOpsets(writer, functionProto.opsetImport, made.opsets);
}

function writeGraph(writer: ProtoWriter, graph: Graph): void {
  for (const node of graph.nodes) {
    writer.message(graphProto.node, (inner) => writeNode(inner, node));
  }
  writer.string(graphProto.name, graph.name);
  for (const tensor of graph.initializers) {
    writer.message(graphProto.initializer, (inner) => writeTensor(inner, tensor));
  }
  for (const tensor of graph.sparseInitializers ?? []) {
    writer.message(graphProto.sparseInitializer, (inner) => writeSparse(inner, tensor));
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
  if (node.name !== undefined) writer.string(nodeProto.name, node.name);
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
  if ("reference" in attribute) {
    const { reference, type } = attribute;
    writer.string(attributeProto.reference, reference);
    writer.int64(attributeProto.type, attributeTypes[type]);
    return;
  }
  const type = writeAttributeValue(writer, attribute);
  writer.int64(attributeProto.type, attributeTypes[type]);
}

type OwnAttribute = Exclude<Attribute, { readonly reference: string }>;

function writeAttributeValue(
  writer: ProtoWriter,
  attribute: OwnAttribute,
): keyof typeof attributeTypes {
  const tensor = (field: number, value: Tensor) =>
    writer.message(field, (inner) => writeTensor(inner, value));
  const graph = (field: number, value: Graph) =>
    writer.message(field, (inner) => writeGraph(inner, value));
  if ("float" in attribute) {
    writer.float(attributeProto.float, attribute.float);
    return "float";
  }
  if ("int" in attribute) {
    writer.int64(attributeProto.int, attribute.int);
    return "int";
  }
  if ("string" in attribute) {
    writer.string(attributeProto.string, attribute.string);
    return "string";
  }
  if ("tensor" in attribute) {
    tensor(attributeProto.tensor, attribute.tensor);
    return "tensor";
  }
  if ("graph" in attribute) {
    graph(attributeProto.graph, attribute.graph);
    return "graph";
  }
  if ("sparse" in attribute) {
    writer.message(attributeProto.sparse, (inner) => writeSparse(inner, attribute.sparse));
    return "sparse";
  }
  if ("floats" in attribute) {
    for (const value of attribute.floats) writer.float(attributeProto.floats, value);
    return "floats";
  }
  if ("ints" in attribute) {
    for (const value of attribute.ints) writer.int64(attributeProto.ints, value);
    return "ints";
  }
  if ("tensors" in attribute) {
    for (const value of attribute.tensors) tensor(attributeProto.tensors, value);
    return "tensors";
  }
  if ("graphs" in attribute) {
    for (const value of attribute.graphs) graph(attributeProto.graphs, value);
    return "graphs";
  }
  for (const value of attribute.strings) writer.string(attributeProto.strings, value);
  return "strings";
}

function writeTensor(writer: ProtoWriter, tensor: Initializer): void {
  for (const dim of tensor.shape) writer.int64(tensorProto.dims, dim);
  const type =
    "elementType" in tensor ? otherElementTypes[tensor.elementType] : elementTypes[tensor.datatype];
  writer.int64(tensorProto.dataType, type);
  if ("strings" in tensor) {
    for (const text of tensor.strings) writer.string(tensorProto.stringData, text);
  }
  if (tensor.name !== "") writer.string(tensorProto.name, tensor.name);
  if ("bytes" in tensor) writer.bytes(tensorProto.rawData, tensor.bytes);
  if ("location" in tensor) writeLocation(writer, tensor);
}

function writeLocation(writer: ProtoWriter, tensor: ExternalTensor): void {
  const { location, offset, length } = tensor;
  for (const [key, value] of Object.entries({ location, offset, length })) {
    if (value === undefined) continue;
    writer.message(tensorProto.externalData, (entry) => {
      entry.string(stringStringProto.key, key).string(stringStringProto.value, String(value));
    });
  }
  writer.int64(tensorProto.dataLocation, externalLocation);
}

/** TensorProto.DataLocation.EXTERNAL. */
const externalLocation = 1;

function writeSparse(writer: ProtoWriter, { values, indices, shape }: SparseTensor): void {
  writer.message(sparseTensorProto.values, (inner) => writeTensor(inner, values));
  writer.message(sparseTensorProto.indices, (inner) => writeTensor(inner, indices));
  for (const dim of shape) writer.int64(sparseTensorProto.dims, dim);
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
