import { unpack } from "../unpack/unpack.ts";
import { PickleCursor } from "./cursor.ts";
import { PickleMachine } from "./machine.ts";
import type { PyValue } from "./values.ts";

/**
 * What a pickle or joblib file holds, compressed or not, whatever its name. Nothing in the file is
 * run. Throws FormatError for what is no such file, or names what is not allowed in one.
 */
export async function readPickle(bytes: Uint8Array): Promise<PyValue> {
  return new PickleMachine(new PickleCursor(await unpack(bytes))).load();
}
