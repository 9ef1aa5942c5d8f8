import type { Reply, Task } from "../../src/runtime/messages.ts";
import { perform as performReally } from "../../src/runtime/worker.ts";

/**
 * The real worker, but for four inputs that no real model would answer to: it exits on −1, throws
 * outside of every promise on −2, fills its heap on −3, and blocks for a while on −4.
 */
export async function perform(task: Task): Promise<Reply> {
  const [input] = task.kind === "run" ? task.inputs : [];
  if (input !== undefined && input.datatype === "FP32") {
    const value = new DataView(input.bytes.buffer, input.bytes.byteOffset).getFloat32(0, true);
    if (value === -1) process.exit(3);
    if (value === -2) {
      setImmediate(() => {
        throw new Error("a worker that throws");
      });
      await new Promise(() => {});
    }
    if (value === -4) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    if (value === -3) {
      const kept: string[][] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => `${index}${kept.length}`));
    }
  }
  return performReally(task);
}
