import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { initOrt } from "onnxruntime-node/dist/binding.js";

/**
 * The one door to ONNX Runtime: everything that is set once for the thread.
 *
 * Node 24 has Float16Array, and onnxruntime-common 1.30.0 switches to it where it finds it; the
 * native binding then misreads FP16 inputs ("not enough space: expected 6, got 0"). It looks once,
 * when its first tensor is made. Hidden at that moment, FP16 travels as Uint16Array, both ways.
 */
function makeFirstTensor(): void {
  const hidden = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
  Reflect.deleteProperty(globalThis, "Float16Array");
  new Tensor("float32", new Float32Array(1), [1]);
  if (hidden !== undefined) Object.defineProperty(globalThis, "Float16Array", hidden);
}

makeFirstTensor();

/**
 * Makes ONNX Runtime's environment, once for the whole process. With the library itself that takes
 * as long as a bare start of Node (10 ms and 17 ms of 28 ms): the main thread does it while the
 * first worker boots, so it is off the way to the first answer.
 */
function initRuntime(): void {
  // Native messages would reach the log as raw text; errors come back as exceptions anyway.
  env.logLevel = "fatal";
  initOrt();
}

initRuntime();

export const createInferenceSession = InferenceSession.create.bind(InferenceSession);
export const OrtTensor = Tensor;
