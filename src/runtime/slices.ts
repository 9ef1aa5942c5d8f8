import { assert } from "../domain/error.ts";
import type { Tensor } from "../domain/tensor.ts";

/** Tensors of rows, cut into some rows each, and put together again. Axis 0 is the rows'. */

/** The inputs of `rows` rows each, the last of fewer; as they are where there are no more. */
export function cutRows(inputs: readonly Tensor[], rows: number): (readonly Tensor[])[] {
  const count = inputs[0]?.shape[0] ?? 0;
  if (count <= rows) return [inputs];
  const parts = Math.ceil(count / rows);
  return Array.from({ length: parts }, (_, at) =>
    inputs.map((tensor) => cut(tensor, at * rows, Math.min(count, (at + 1) * rows))),
  );
}

function cut(tensor: Tensor, from: number, to: number): Tensor {
  const [count = 0, ...rest] = tensor.shape;
  const shape = [to - from, ...rest];
  if (tensor.datatype === "BYTES") {
    const width = tensor.strings.length / count;
    return { ...tensor, shape, strings: tensor.strings.slice(from * width, to * width) };
  }
  const size = tensor.bytes.byteLength / count;
  return { ...tensor, shape, bytes: tensor.bytes.subarray(from * size, to * size) };
}

/** The outputs of parts one after the other, as outputs of all rows. */
export function joinRows(parts: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first = []] = parts;
  if (parts.length === 1) return first;
  return first.map((tensor, at) => {
    const pieces = parts.map((part) => {
      const piece = part[at];
      assert(piece !== undefined, "parts of a run have different outputs");
      return piece;
    });
    const count = pieces.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
    const shape = [count, ...tensor.shape.slice(1)];
    if (tensor.datatype === "BYTES") {
      const strings = pieces.flatMap((one) => (one.datatype === "BYTES" ? one.strings : []));
      return { ...tensor, shape, strings };
    }
    const bytes = pieces.flatMap((one) => (one.datatype === "BYTES" ? [] : [one.bytes]));
    return { ...tensor, shape, bytes: new Uint8Array(Buffer.concat(bytes)) };
  });
}
