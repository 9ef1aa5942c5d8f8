import bzip2 from "seek-bzip";
import { BoundedOutput } from "./output.ts";

export function unpackBzip2(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const output = new BoundedOutput(bytesMax);
  const writeByte = (byte: number) => output.writeByte(byte);
  bzip2.decode(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    {
      writeByte,
      flush: () => {},
    },
    true,
  );
  return Promise.resolve(output.bytes);
}
