import { assert } from "../domain/error.ts";
import type { Verdict } from "../domain/model.ts";
import type { FixedTensor, StringTensor, Tensor } from "../domain/tensor.ts";
import type { Entry } from "./entry.ts";

/**
 * What may run as one batch, how it is put together along dimension 0, and how its outputs are
 * taken apart. Nothing here decides when.
 */

/** How an entry may be merged: entries of one key with rows, each with its own number of rows. */
export interface Mergeability {
  /** Entries wait in one queue for each key. */
  readonly key: string;
  /** Rows of dimension 0; 0 for an entry that runs alone. */
  readonly rows: number;
}

/**
 * Entries merge when they are of one generation of a model whose rows are known not to mix, ask for
 * the same outputs, and differ in nothing but their number of rows.
 */
export function mergeability(entry: Entry, verdict: Verdict): Mergeability {
  const { generation } = entry.model;
  const rows = verdict.kind === "batchable" ? rowsOf(entry.inputs) : 0;
  if (rows === 0) return { key: `${generation}`, rows: 0 };
  const dims = entry.inputs.map(({ shape }) => shape.slice(1).join(","));
  return { key: JSON.stringify([generation, entry.outputs, dims]), rows };
}

/** The rows that all inputs have in common; 0 where they have none or differ. */
export function rowsOf(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0;
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : 0;
}

/** Tensors in buffers of their own, which may be given away. */
export interface Packed {
  readonly inputs: readonly Tensor[];
  readonly buffers: readonly ArrayBuffer[];
}

/** The inputs of one or more entries of one key, joined along dimension 0. */
export function pack(entries: readonly Entry[]): Packed {
  const [first] = entries;
  assert(first !== undefined, "an empty batch was packed");
  const buffers: ArrayBuffer[] = [];
  const inputs = first.inputs.map((input, index): Tensor => {
    const parts = entries.map(({ inputs: own }) => own[index]);
    const shape = entries.length === 1 ? input.shape : [totalRows(parts), ...input.shape.slice(1)];
    if (input.datatype === "BYTES") return { ...input, shape, strings: joinStrings(parts) };
    const bytes = joinBytes(parts);
    buffers.push(bytes.buffer);
    return { ...input, shape, bytes };
  });
  return { inputs, buffers };
}

function totalRows(parts: readonly (Tensor | undefined)[]): number {
  return parts.reduce((sum, part) => sum + (part?.shape[0] ?? 0), 0);
}

function joinStrings(parts: readonly (Tensor | undefined)[]): readonly string[] {
  const texts = parts.filter((part): part is StringTensor => part?.datatype === "BYTES");
  assert(texts.length === parts.length, "a batch mixes strings with numbers");
  return texts.length === 1 ? (texts[0]?.strings ?? []) : texts.flatMap(({ strings }) => strings);
}

/** A copy into one buffer: what arrives are views into bodies and into Node's pool. */
function joinBytes(parts: readonly (Tensor | undefined)[]): Uint8Array<ArrayBuffer> {
  const fixed = parts.filter(
    (part): part is FixedTensor => part !== undefined && part.datatype !== "BYTES",
  );
  assert(fixed.length === parts.length, "a batch mixes numbers with strings");
  const size = fixed.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const joined = new Uint8Array(new ArrayBuffer(size));
  let at = 0;
  for (const { bytes } of fixed) {
    joined.set(bytes, at);
    at += bytes.byteLength;
  }
  return joined;
}

/**
 * Each entry's outputs, by its rows; `undefined` where some output does not have as many rows as
 * the batch, so that nobody can say whose they are.
 */
export function split(
  outputs: readonly Tensor[],
  rows: readonly number[],
): readonly (readonly Tensor[])[] | undefined {
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (!outputs.every(({ shape }) => shape[0] === total)) return undefined;
  let start = 0;
  return rows.map((count) => {
    const from = start;
    start += count;
    return outputs.map((output) => slice(output, from, count, total));
  });
}

function slice(output: Tensor, start: number, count: number, total: number): Tensor {
  const shape = [count, ...output.shape.slice(1)];
  if (output.datatype === "BYTES") {
    const each = output.strings.length / total;
    return {
      ...output,
      shape,
      strings: output.strings.slice(start * each, (start + count) * each),
    };
  }
  const each = output.bytes.byteLength / total;
  // A copy: a view would keep the whole batch alive for as long as the slowest of its clients.
  return { ...output, shape, bytes: output.bytes.slice(start * each, (start + count) * each) };
}
