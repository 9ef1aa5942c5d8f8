import type { Datatype } from "../../src/domain/datatype.ts";
import type { Tensor } from "../../src/domain/tensor.ts";
import { parseJson } from "../../src/wire/json.ts";
import type { GrpcClient } from "../support/grpc.ts";
import { http1, type Json } from "../support/http.ts";
import { elementsOf, fromRaw, rawOf, tensor } from "./elements.ts";

/** An inference over each way that V2 has for tensors: inputs in, all outputs out. */

export interface Server {
  readonly port: number;
  readonly grpc: GrpcClient;
}

export type Infer = (
  server: Server,
  model: string,
  inputs: readonly Tensor[],
) => Promise<readonly Tensor[]>;

export const transports: Readonly<Record<string, Infer>> = {
  "V2 JSON": json,
  "V2 binary": binary,
  "gRPC raw": raw,
  "gRPC contents": contents,
};

async function json({ port }: Server, model: string, inputs: readonly Tensor[]) {
  const texts = inputs.map((input) => {
    const { name, datatype, shape } = input;
    const values = elementsOf(input).map((value) =>
      typeof value === "string"
        ? JSON.stringify(value)
        : Object.is(value, -0)
          ? "-0.0"
          : `${value}`,
    );
    return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}],"data":[${values}]}`;
  });
  const body = `{"inputs":[${texts}]}`;
  const reply = await http1(port, { path: `/v2/models/${model}/infer`, body });
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  const { outputs } = parseJson(reply.text, 10) as Json;
  return outputs.map((output: Json) =>
    tensor(output.name, output.datatype, output.shape, output.data),
  );
}

async function binary({ port }: Server, model: string, inputs: readonly Tensor[]) {
  const parts = inputs.map(rawOf);
  const head = Buffer.from(
    JSON.stringify({
      inputs: inputs.map(({ name, datatype, shape }, index) => ({
        name,
        datatype,
        shape,
        parameters: { binary_data_size: parts[index]?.length },
      })),
      parameters: { binary_data_output: true },
    }),
  );
  const headers = { "inference-header-content-length": String(head.length) };
  const body = Buffer.concat([head, ...parts]);
  const reply = await http1(port, { path: `/v2/models/${model}/infer`, headers, body });
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  const headLength = Number(reply.headers["inference-header-content-length"]);
  const { outputs } = JSON.parse(reply.body.toString("utf8", 0, headLength));
  let at = headLength;
  return outputs.map(({ name, datatype, shape, parameters }: Json) => {
    const end = at + parameters.binary_data_size;
    const output = fromRaw(name, datatype, shape, reply.body.subarray(at, end));
    at = end;
    return output;
  });
}

async function raw({ grpc }: Server, model: string, inputs: readonly Tensor[]) {
  const heads = inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }));
  const message = { model_name: model, inputs: heads, raw_input_contents: inputs.map(rawOf) };
  return outputsOf(await grpc.call("ModelInfer", message));
}

const contentsField: Readonly<Record<Exclude<Datatype, "FP16" | "BF16">, string>> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

/** FP16 and BF16 have no typed contents; with them all inputs are raw. */
async function contents(server: Server, model: string, inputs: readonly Tensor[]) {
  const typed = inputs.flatMap((input) => {
    const { name, datatype, shape } = input;
    if (datatype === "FP16" || datatype === "BF16") return [];
    const values = elementsOf(input).map((value) => {
      if (datatype === "BYTES") return Buffer.from(String(value));
      return typeof value === "bigint" ? String(value) : value;
    });
    return [{ name, datatype, shape, contents: { [contentsField[datatype]]: values } }];
  });
  if (typed.length < inputs.length) return raw(server, model, inputs);
  return outputsOf(await server.grpc.call("ModelInfer", { model_name: model, inputs: typed }));
}

function outputsOf(answer: Json): readonly Tensor[] {
  return answer.outputs.map(({ name, datatype, shape }: Json, index: number) =>
    fromRaw(name, datatype, shape.map(Number), answer.raw_output_contents[index]),
  );
}
