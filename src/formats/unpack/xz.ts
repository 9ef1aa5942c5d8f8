import xz from "xz-decompress";
import { BoundedOutput } from "./output.ts";

export async function unpackXz(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const output = new BoundedOutput(bytesMax);
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  for await (const chunk of new xz.XzReadableStream(source)) {
    output.writeBytes(chunk, 0, chunk.length);
  }
  return output.bytes;
}
