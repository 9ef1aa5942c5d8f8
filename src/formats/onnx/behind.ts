import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import type { FileCursor } from "./cursor.ts";
import { classLabels, type NodeOutline, producerOf } from "./nodes.ts";
import type { Value } from "./outline.ts";
import { elementTypes } from "./schema.ts";
import type { Edit } from "./splice.ts";
import { type Range, typeName, type ValueType } from "./types.ts";

/** A tensor of the graph that is served as an output. */
export interface TensorBehind {
  /** The output's name for clients. */
  readonly name: string;
  /** The tensor's name in the graph. */
  readonly value: string;
  readonly elementType: number;
  readonly shape: readonly number[] | null;
  readonly shapeRange: Range | undefined;
  /** The names of its columns, where the graph has them. */
  readonly labels?: readonly string[];
}

export interface Behind {
  readonly tensors: readonly TensorBehind[];
  /** What is taken out of the graph along with the output. */
  readonly edits: readonly Edit[];
}

/** Identities between an output and what makes it. */
const stepsMax = 16;

/**
 * The tensors behind an output that is a sequence, a map or an optional value: those that a ZipMap,
 * a SequenceConstruct or an Optional was made of. Throws FormatError where there are none.
 */
export function tensorsBehind(cursor: FileCursor, graph: Range, output: Value): Behind {
  const { name, type } = output;
  let value = name;
  for (let step = 0; step < stepsMax; step += 1) {
    const node = producerOf(cursor, graph, value);
    if (node === undefined) break;
    const [input = "", ...others] = node.inputs;
    if (node.domain === "ai.onnx.ml" && node.op === "ZipMap") {
      return zipMap(cursor, name, node);
    }
    const inner = "of" in type ? type.of : undefined;
    if (node.domain !== "" || input === "" || inner?.kind !== "tensor") break;
    if (node.op === "Optional" || (node.op === "SequenceConstruct" && others.length === 0)) {
      return { tensors: [tensor(name, input, inner)], edits: [] };
    }
    if (node.op === "SequenceConstruct") {
      const named = (from: string, index: number) => tensor(`${name}_${index}`, from, inner);
      return { tensors: node.inputs.map(named), edits: [] };
    }
    if (node.op !== "Identity") break;
    value = input;
  }
  throw new FormatError(
    `output '${clip(name)}' is a ${typeName(type)} with no tensor behind it, but only tensors ` +
      "can be served: end the graph with the tensor itself (ConcatFromSequence, " +
      "OptionalGetElement; zipmap=False in sklearn-onnx)",
  );
}

function tensor(
  name: string,
  value: string,
  { elementType, shape, shapeRange }: Extract<ValueType, { kind: "tensor" | "sparse tensor" }>,
): TensorBehind {
  return { name, value, elementType, shape, shapeRange };
}

/**
 * ZipMap (ai.onnx.ml): a tensor of FP32 [N, C] → N maps from class to value. Nothing else takes its
 * output, so the node goes; making its maps costs a run more than many a model does.
 */
function zipMap(cursor: FileCursor, name: string, node: NodeOutline): Behind {
  const labels = classLabels(cursor, node);
  const tensors = [
    {
      name,
      value: node.inputs[0] ?? "",
      elementType: elementTypes.FP32,
      shape: [-1, labels?.length ?? -1],
      shapeRange: undefined,
      ...(labels === undefined ? {} : { labels }),
    },
  ];
  return { tensors, edits: [{ ...node.range, bytes: new Uint8Array(0) }] };
}
