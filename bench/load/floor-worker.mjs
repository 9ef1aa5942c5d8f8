import { createRequire } from "node:module";

export async function run({ ort, model }) {
  const { InferenceSession, Tensor } = createRequire(import.meta.url)(ort);
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const input = new Tensor("float32", Float32Array.of(6.8, 2.8, 4.8, 1.4), [1, 4]);
  const { label } = await session.run({ "input-0": input }, ["label"]);
  return Number(label.data[0]);
}
