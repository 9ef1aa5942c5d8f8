import lz4 from "lz4js";
import { TooMuchError } from "./output.ts";

export function unpackLz4(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  // What the blocks may hold at most, by their headers.
  const bound = lz4.decompressBound(bytes);
  if (bound > bytesMax) throw new TooMuchError();
  return Promise.resolve(lz4.decompress(bytes, bound));
}
