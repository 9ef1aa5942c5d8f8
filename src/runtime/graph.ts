import type { InferenceSession, Tensor as NativeTensor } from "onnxruntime-node";
import type { Carrier, Carriers } from "../domain/carrier.ts";
import { assert } from "../domain/error.ts";
import type { Signature } from "../domain/model.ts";
import type { Tensor } from "../domain/tensor.ts";
import { bfloatOf, floatOf } from "./bfloat.ts";
import { fromOrt, toOrt } from "./session.ts";

export type Feeds = Record<string, NativeTensor>;
export type Results = InferenceSession.OnnxValueMapType;

/** What is done on the tensors before a graph; it may make inputs of the graph of others. */
export type RunStages = (inputs: readonly Tensor[]) => readonly Tensor[];

/** A session in the terms of its signature: some tensors travel under other names and types. */
export class Graph {
  readonly #session: InferenceSession;
  readonly #carriers: Carriers;
  readonly #stages: RunStages | undefined;

  constructor(session: InferenceSession, carriers: Carriers, stages?: RunStages) {
    this.#session = session;
    this.#carriers = carriers;
    this.#stages = stages;
  }

  /** Throws `invalid-request` where a stage refuses what it is given. */
  feeds(inputs: readonly Tensor[]): Feeds {
    if (this.#stages !== undefined) {
      const { inputNames } = this.#session;
      const all = this.#stages(inputs);
      const taken = all.filter(({ name }) => inputNames.includes(name));
      return Object.fromEntries(taken.map((tensor) => [tensor.name, toOrt(tensor)]));
    }
    return Object.fromEntries(
      inputs.map((tensor) => {
        const carrier = this.#carriers.inputs.get(tensor.name);
        return carrier === undefined
          ? [tensor.name, toOrt(tensor)]
          : [carrier.name, toOrt(carried(tensor, carrier))];
      }),
    );
  }

  /** `outputs`: names of the signature. */
  run(feeds: Feeds, outputs: readonly string[]): Promise<Results> {
    const names = outputs.map((name) => this.#carriers.outputs.get(name)?.name ?? name);
    // Two outputs of the signature may be one of the graph.
    return this.#session.run(feeds, [...new Set(names)]);
  }

  tensors(results: Results, outputs: readonly string[]): Tensor[] {
    return outputs.map((name) => {
      const carrier = this.#carriers.outputs.get(name);
      const result = results[carrier?.name ?? name];
      assert(result !== undefined, `ONNX Runtime returned no output '${name}'`);
      const tensor = fromOrt(name, result);
      return carrier?.datatype === undefined ? tensor : restored(tensor);
    });
  }

  /**
   * The signature with the ranks that ONNX Runtime has inferred for outputs, where the file leaves
   * them open. No dimensions are no news: the binding cannot tell a scalar from an unknown rank.
   */
  completed(signature: Signature): Signature {
    if (signature.kind !== "fixed") return signature;
    const outputs = signature.outputs.map((spec) => {
      if (spec.shape !== null) return spec;
      const name = this.#carriers.outputs.get(spec.name)?.name ?? spec.name;
      const found = this.#session.outputMetadata.find((one) => one.name === name);
      if (found === undefined || !found.isTensor || found.shape.length === 0) return spec;
      const shape = found.shape.map((dim) => (typeof dim === "number" ? dim : -1));
      return { ...spec, shape };
    });
    return { ...signature, outputs };
  }

  /** All of a run at once. */
  async infer(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Tensor[]> {
    return this.tensors(await this.run(this.feeds(inputs), outputs), outputs);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** BF16 is the only datatype that another one carries. */
function carried(tensor: Tensor, { datatype }: Carrier): Tensor {
  assert(tensor.datatype === "BF16" && datatype === "FP32", "a tensor with a carrier is BF16");
  return { ...tensor, datatype, bytes: floatOf(tensor.bytes) };
}

function restored(tensor: Tensor): Tensor {
  assert(tensor.datatype === "FP32", "the carrier of BF16 is FP32");
  return { ...tensor, datatype: "BF16", bytes: bfloatOf(tensor.bytes) };
}
