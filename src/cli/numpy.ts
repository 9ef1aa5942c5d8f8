import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { FormatError } from "../formats/error.ts";
import { arrayOf, byteLength, dtypeOf } from "../formats/pickle/numpy.ts";
import { readZip } from "../storage/zip.ts";
import { ArgumentError } from "./arguments.ts";

/** Arrays of numpy in files (numpy.lib.format), as rows. */

type Rows = (number | string)[][];

/** A `.npy`, or the first array of a `.npz`. One dimension is a row for each element. */
export async function readNumpy(path: string): Promise<Rows> {
  if (/\.npy$/i.test(path)) return rowsOf(await readFile(path), path);
  let first: Buffer | undefined;
  await readZip(path, async (_, stream) => {
    if (first === undefined) first = await buffer(stream);
    else stream.resume();
  });
  if (first === undefined) throw new ArgumentError(`${path}: it holds no array`);
  return rowsOf(first, path);
}

const magic = "\x93NUMPY";

function rowsOf(file: Buffer, path: string): Rows {
  if (file.subarray(0, magic.length).toString("latin1") !== magic || file.length < 12) {
    throw new ArgumentError(`${path}: it is no array of numpy`);
  }
  const long = (file[6] ?? 1) > 1;
  const from = long ? 12 : 10;
  const to = from + (long ? file.readUInt32LE(8) : file.readUInt16LE(8));
  const head = file.subarray(from, to).toString("utf8");
  const [, descr] = /'descr':\s*'([^']+)'/.exec(head) ?? [];
  const [, dims] = /'shape':\s*\(([^)]*)\)/.exec(head) ?? [];
  if (descr === undefined || dims === undefined || /O/.test(descr)) {
    throw new ArgumentError(`${path}: expected an array of numbers or text`);
  }
  const shape = (dims.match(/\d+/g) ?? []).map(Number);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const raw = {
    dtype: dtypeOf(descr),
    shape,
    count,
    fortran: /'fortran_order':\s*True/.test(head),
  };
  if (file.length - to < byteLength(raw)) throw new FormatError(`${path}: it is cut short`);
  // A copy, so that its elements are aligned.
  const bytes = Uint8Array.from(file.subarray(to, to + byteLength(raw)));
  const { elements } = arrayOf(raw, bytes);
  const cells = Array.from(elements as ArrayLike<unknown>, (one) =>
    typeof one === "string" ? one : Number(one),
  );
  const width = shape.length > 1 ? count / (shape[0] || 1) : 1;
  return Array.from({ length: shape[0] ?? 1 }, (_, at) =>
    cells.slice(at * width, (at + 1) * width),
  );
}
