import { graphNamesBytesMax, graphValuesMax, protobufBytesMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import type { FileCursor } from "./cursor.ts";
import { graphProto, modelProto, opsetProto, tensorProto, valueInfoProto } from "./schema.ts";
import { type Range, readType, type ValueType } from "./types.ts";

/** What a model file says of its graph, but for the nodes and weights, and where it says it. */
export interface Outline {
  readonly irVersion: number;
  /** Version by domain; the default domain is the empty string. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The graph's message without its tag and length. */
  readonly graph: Range;
  /** Where the length of the graph's message is written; it ends where the message begins. */
  readonly graphLengthAt: number;
  /** Those that a caller has to give: what has an initializer of its own (IR before 4) does not. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface Value {
  readonly name: string;
  readonly type: ValueType;
  /** The whole field, tag and length included. */
  readonly range: Range;
}

/** Reads the outline of an ONNX file. Throws FormatError for what is none. */
export function readOutline(cursor: FileCursor): Outline {
  if (cursor.size > protobufBytesMax) {
    throw new FormatError(
      `the file has ${cursor.size} bytes, but an ONNX file holds at most ${protobufBytesMax}: ` +
        "save the weights beside it (external data)",
    );
  }
  const opsets = new Map<string, number>();
  let irVersion: number | undefined;
  let graph: GraphOutline | undefined;
  while (!cursor.atEnd) {
    const tag = cursor.varint();
    const field = Math.floor(tag / 8);
    if (field === modelProto.graph && (tag & 7) === 2) {
      if (graph !== undefined) throw new FormatError("not an ONNX model: it has two graphs");
      graph = readGraph(cursor);
    } else if (field === modelProto.irVersion && (tag & 7) === 0) irVersion = cursor.varint();
    else if (field === modelProto.opsetImport && (tag & 7) === 2) readOpset(cursor, opsets);
    else cursor.skip(tag & 7);
  }
  if (irVersion === undefined || graph === undefined) {
    throw new FormatError("not an ONNX model: it has no IR version or no graph");
  }
  return { irVersion, opsets, ...graph };
}

type GraphOutline = Omit<Outline, "irVersion" | "opsets">;

function readGraph(cursor: FileCursor): GraphOutline {
  const graphLengthAt = cursor.position;
  const to = cursor.fieldEnd();
  const graph = { from: cursor.position, to };
  const initializers = new Set<string>();
  const inputs: Value[] = [];
  const outputs: Value[] = [];
  let namesBytes = 0;
  cursor.fields(to, (field, at) => {
    let name: string;
    if (field === graphProto.initializer) {
      name = readTensorName(cursor);
      initializers.add(name);
    } else if (field === graphProto.input || field === graphProto.output) {
      const value = readValue(cursor, at);
      (field === graphProto.input ? inputs : outputs).push(value);
      name = value.name;
    } else return false;
    namesBytes += name.length;
    const values = inputs.length + outputs.length + initializers.size;
    if (namesBytes > graphNamesBytesMax || values > graphValuesMax) {
      throw new FormatError(
        `the graph has more than ${graphValuesMax} inputs, outputs and weights, or ` +
          `${graphNamesBytesMax} bytes of names for them`,
      );
    }
    return true;
  });
  return {
    graph,
    graphLengthAt,
    inputs: inputs.filter(({ name }) => !initializers.has(name)),
    outputs,
  };
}

function readTensorName(cursor: FileCursor): string {
  let name = "";
  cursor.fields(cursor.fieldEnd(), (field) => {
    if (field !== tensorProto.name) return false;
    name = cursor.string();
    return true;
  });
  return name;
}

function readValue(cursor: FileCursor, from: number): Value {
  const to = cursor.fieldEnd();
  let name = "";
  let type: ValueType = { kind: "unknown" };
  cursor.fields(to, (field) => {
    if (field === valueInfoProto.name) name = cursor.string();
    else if (field === valueInfoProto.type) type = readType(cursor, cursor.fieldEnd());
    else return false;
    return true;
  });
  return { name, type, range: { from, to } };
}

function readOpset(cursor: FileCursor, opsets: Map<string, number>): void {
  let domain = "";
  let version = 0;
  cursor.fields(cursor.fieldEnd(), (field) => {
    if (field === opsetProto.domain) domain = cursor.string();
    else if (field === opsetProto.version) version = cursor.varint();
    else return false;
    return true;
  });
  // Two names of one domain.
  if (opsets.size < opsetsMax) opsets.set(domain === "ai.onnx" ? "" : domain, version);
}

const opsetsMax = 1_000;
