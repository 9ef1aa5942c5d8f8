import { env, InferenceSession, Tensor } from "onnxruntime-node";

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

// Native messages would reach the log as raw text; errors come back as exceptions anyway.
env.logLevel = "fatal";

export const createInferenceSession = InferenceSession.create.bind(InferenceSession);
export const OrtTensor = Tensor;
