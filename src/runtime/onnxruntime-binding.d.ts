/** The inner module of onnxruntime-node (1.30.0) that loads the native library. */
declare module "onnxruntime-node/dist/binding.js" {
  /** Makes ONNX Runtime's environment; later calls, from any thread, find it made. */
  export function initOrt(): void;
}
