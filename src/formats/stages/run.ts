import { invalid } from "../../domain/error.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import { type KnownStage, missingText, type Stage, type VectorizeStage } from "./stage.ts";
import { termsIn } from "./terms.ts";

/**
 * The tensors of a table after the stages before its graph: what was made of text takes the text's
 * place. Throws `invalid-request` for values that an encoder does not know.
 */
export function runStages(stages: readonly Stage[], inputs: readonly Tensor[]): Tensor[] {
  const made: Tensor[] = [];
  for (const stage of stages) {
    const feed = inputs.find(({ name }) => name === stage.feed);
    if (feed === undefined) continue;
    switch (stage.kind) {
      case "vectorize":
        made.push(vectorized(stage, feed));
        break;
      case "known":
        checkKnown(stage, feed);
        break;
      default:
        stage satisfies never;
    }
  }
  return [...inputs, ...made];
}

/** The cells of a column. */
function* cellsOf(tensor: Tensor, column: number): Generator<string | number> {
  const [rows = 0, width = 1] = tensor.shape;
  if (tensor.datatype === "BYTES") {
    for (let row = 0; row < rows; row += 1) yield tensor.strings[row * width + column] ?? "";
    return;
  }
  const { buffer, byteOffset, byteLength } = tensor.bytes;
  const view = new DataView(buffer, byteOffset, byteLength);
  for (let row = 0; row < rows; row += 1) yield view.getFloat64(8 * (row * width + column), true);
}

/** What each stage knows, made once. */
const known = new WeakMap<KnownStage, ReadonlySet<string | number>>();
const columns = new WeakMap<VectorizeStage, ReadonlyMap<string, number>>();

function checkKnown(stage: KnownStage, feed: Tensor): void {
  let values = known.get(stage);
  if (values === undefined) {
    values = new Set(stage.values);
    known.set(stage, values);
  }
  const unknown = new Set<string>();
  for (const cell of cellsOf(feed, stage.column)) {
    if (values.has(cell) || (stage.missing && (Number.isNaN(cell) || cell === missingText)))
      continue;
    unknown.add(typeof cell === "string" ? `'${clip(cell)}'` : String(cell));
  }
  if (unknown.size === 0) return;
  const found = [...unknown].slice(0, 5).join(", ");
  throw invalid(`Found unknown categories [${found}] in column ${stage.position} during transform`);
}

function vectorized(stage: VectorizeStage, feed: Tensor): Tensor {
  let places = columns.get(stage);
  if (places === undefined) {
    places = new Map(stage.terms.map((term, at) => [term, at]));
    columns.set(stage, places);
  }
  const [rows = 0] = feed.shape;
  const width = stage.terms.length;
  const counts = new Float64Array(rows * width);
  let row = 0;
  for (const cell of cellsOf(feed, stage.column)) {
    for (const term of termsIn(String(cell), stage)) {
      const at = places.get(term);
      if (at === undefined) continue;
      counts[row * width + at] = stage.binary ? 1 : (counts[row * width + at] ?? 0) + 1;
    }
    row += 1;
  }
  const bytes = new Uint8Array(counts.buffer);
  return { name: stage.output, datatype: "FP64", shape: [rows, width], bytes };
}
