import { classLabelsMax, nodeInputsMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import type { FileCursor } from "./cursor.ts";
import { attributeProto, graphProto, nodeProto } from "./schema.ts";
import type { Range } from "./types.ts";

/** A node of the graph, without its attributes. */
export interface NodeOutline {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  /** The whole field, tag and length included. */
  readonly range: Range;
}

/**
 * The node of the main graph that gives `value`, found in one pass over the file. Graphs can have
 * millions of nodes, and few are ever looked for: none are kept.
 */
export function producerOf(
  cursor: FileCursor,
  graph: Range,
  value: string,
): NodeOutline | undefined {
  let found: NodeOutline | undefined;
  eachNode(cursor, graph, (range) => {
    const body = cursor.position;
    if (found !== undefined || !gives(cursor, range.to, value)) return;
    cursor.position = body;
    found = readNode(cursor, range);
  });
  return found;
}

/** Each node of the main graph. `visit` finds the cursor where the node's fields begin. */
export function eachNode(cursor: FileCursor, graph: Range, visit: (node: Range) => void): void {
  cursor.position = graph.from;
  cursor.fields(graph.to, (field, from) => {
    if (field !== graphProto.node) return false;
    const to = cursor.fieldEnd();
    visit({ from, to });
    cursor.position = to;
    return true;
  });
}

function gives(cursor: FileCursor, nodeEnd: number, value: string): boolean {
  let gives = false;
  cursor.fields(nodeEnd, (field) => {
    if (field !== nodeProto.output) return false;
    if (cursor.string() === value) gives = true;
    return true;
  });
  return gives;
}

function readNode(cursor: FileCursor, range: Range): NodeOutline {
  let op = "";
  let domain = "";
  const inputs: string[] = [];
  cursor.fields(range.to, (field) => {
    if (field === nodeProto.opType) op = cursor.string();
    else if (field === nodeProto.domain) domain = cursor.string();
    else if (field === nodeProto.input) {
      if (inputs.length === nodeInputsMax) {
        throw new FormatError(`a node '${op}' has more than ${nodeInputsMax} inputs`);
      }
      inputs.push(cursor.string());
    } else return false;
    return true;
  });
  return { op, domain: domain === "ai.onnx" ? "" : domain, inputs, range };
}

/** The attributes of ZipMap (ai.onnx.ml) that name the classes. */
const labelAttributes: ReadonlySet<string> = new Set(["classlabels_strings", "classlabels_int64s"]);

/** The names of the classes of a ZipMap; `undefined` where it has none, or too many to be kept. */
export function classLabels(cursor: FileCursor, node: NodeOutline): string[] | undefined {
  let labels: string[] = [];
  cursor.position = node.range.from;
  cursor.varint();
  cursor.fields(cursor.fieldEnd(), (field) => {
    if (field !== nodeProto.attribute) return false;
    const read = readLabels(cursor);
    if (read.length > 0) labels = read;
    return true;
  });
  return labels.length === 0 || labels.length > classLabelsMax ? undefined : labels;
}

function readLabels(cursor: FileCursor): string[] {
  const labels: string[] = [];
  let name = "";
  const keep = (label: string) => {
    if (labels.length <= classLabelsMax) labels.push(label);
  };
  cursor.fields(cursor.fieldEnd(), (field, _, wireType) => {
    if (field === attributeProto.name) name = cursor.string();
    else if (field === attributeProto.strings) keep(cursor.string());
    else if (field !== attributeProto.ints) return false;
    else if (wireType === 0) keep(cursor.int64().toString());
    else {
      // Packed, as proto3's writers have it.
      const to = cursor.fieldEnd();
      while (cursor.position < to) keep(cursor.int64().toString());
    }
    return true;
  });
  return labelAttributes.has(name) ? labels : [];
}
