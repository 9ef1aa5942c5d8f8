import { sourceFilesMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import { FileCursor } from "./cursor.ts";
import {
  attributeProto,
  functionProto,
  graphProto,
  modelProto,
  nodeProto,
  sparseTensorProto,
  stringStringProto,
  tensorProto,
} from "./schema.ts";

/** Which fields of a message hold messages of which kind, down to the tensors. */
const inside: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { [modelProto.graph]: "graph", [modelProto.functions]: "function" },
  graph: {
    [graphProto.node]: "node",
    [graphProto.initializer]: "tensor",
    [graphProto.sparseInitializer]: "sparse",
  },
  function: { [functionProto.node]: "node" },
  node: { [nodeProto.attribute]: "attribute" },
  attribute: {
    [attributeProto.tensor]: "tensor",
    [attributeProto.tensors]: "tensor",
    [attributeProto.sparse]: "sparse",
    [attributeProto.graph]: "graph",
    [attributeProto.graphs]: "graph",
  },
  sparse: { [sparseTensorProto.values]: "tensor", [sparseTensorProto.indices]: "tensor" },
  tensor: { [tensorProto.externalData]: "entry" },
};

const depthMax = 64;

/**
 * The files, named from the model's folder, that hold weights of an ONNX file (onnx/onnx,
 * docs/ExternalData.md): `location` of every tensor, in subgraphs and functions too. Memory is that
 * of a window. Throws FormatError.
 */
export function externalFiles(path: string): string[] {
  const cursor = new FileCursor(path);
  const found = new Set<string>();
  const walk = (kind: string, end: number, depth: number) => {
    if (depth > depthMax) throw new FormatError("its graphs are nested too deep");
    cursor.fields(end, (field, _, wireType) => {
      const next = inside[kind]?.[field];
      if (next === undefined || wireType !== 2) return false;
      const to = cursor.fieldEnd();
      if (next === "entry") addLocation(cursor, to, found);
      else walk(next, to, depth + 1);
      return true;
    });
  };
  try {
    walk("model", cursor.size, 0);
    return [...found];
  } finally {
    cursor.close();
  }
}

function addLocation(cursor: FileCursor, end: number, found: Set<string>): void {
  let key = "";
  let value = "";
  cursor.fields(end, (field) => {
    if (field === stringStringProto.key) key = cursor.string();
    else if (field === stringStringProto.value) value = cursor.string();
    else return false;
    return true;
  });
  if (key !== "location") return;
  found.add(value);
  if (found.size > sourceFilesMax) throw new FormatError("its weights are in too many files");
}
