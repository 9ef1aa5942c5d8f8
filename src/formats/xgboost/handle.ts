import { FormatError } from "../error.ts";
import { readXgboost } from "./convert.ts";
import type { XgboostModel } from "./model.ts";

/**
 * The booster inside a pickle: UBJSON or JSON of `{Config, Model}` from 1.1 on, the binary format
 * before, between the two of them a binary one behind its length.
 */
export function readHandle(bytes: Uint8Array): XgboostModel {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const marker = "CONFIG-offset:";
  if (buffer.toString("latin1", 0, marker.length) !== marker) return readXgboost(bytes);
  const at = marker.length;
  if (buffer.length < at + 8) throw new FormatError("the pickled booster is cut off");
  return readXgboost(buffer.subarray(at + 8));
}
