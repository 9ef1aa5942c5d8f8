import { ProtoWriter } from "../../wire/protobuf.ts";
import type { FileCursor } from "./cursor.ts";
import { eachNode } from "./nodes.ts";
import type { Outline } from "./outline.ts";
import { attributeProto, attributeTypes, graphProto, nodeProto } from "./schema.ts";
import { bytesOf, type Edit } from "./splice.ts";
import type { Range } from "./types.ts";

/**
 * StringNormalizer (ai.onnx) asks the system for a locale, `en_US.UTF-8` where it names none, and
 * slim images have no such file. Its letters are those of `C.UTF-8`, which every glibc image has:
 * the case of letters is that of Unicode in both. Sets that locale in each StringNormalizer.
 */
export function localeEdits(path: string, cursor: FileCursor, { graph }: Outline): Edit[] {
  const edits: Edit[] = [];
  eachNode(cursor, graph, (node) => {
    const inner = parts(cursor, node.to);
    if (inner.op !== "StringNormalizer") return;
    const body = new ProtoWriter();
    for (const range of inner.kept) body.raw(bytesOf(path, range));
    body.message(nodeProto.attribute, (attribute) => {
      attribute
        .string(attributeProto.name, "locale")
        .string(attributeProto.string, "C.UTF-8")
        .int64(attributeProto.type, attributeTypes.string);
    });
    const bytes = new ProtoWriter().bytes(graphProto.node, body.finish()).finish();
    edits.push({ ...node, bytes });
  });
  return edits;
}

/** A node's operator, and its fields but for the attribute `locale`. */
function parts(cursor: FileCursor, to: number): { op: string; kept: Range[] } {
  let op = "";
  const kept: Range[] = [];
  let from = cursor.position;
  cursor.fields(to, (field, at, wireType) => {
    let drop = false;
    if (field === nodeProto.opType) op = cursor.string();
    else if (field === nodeProto.attribute) drop = attributeName(cursor) === "locale";
    else cursor.skip(wireType);
    if (drop) {
      kept.push({ from, to: at });
      from = cursor.position;
    }
    return true;
  });
  kept.push({ from, to });
  return { op, kept };
}

function attributeName(cursor: FileCursor): string {
  let name = "";
  cursor.fields(cursor.fieldEnd(), (field) => {
    if (field !== attributeProto.name) return false;
    name = cursor.string();
    return true;
  });
  return name;
}
