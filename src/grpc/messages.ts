import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { assert } from "../domain/error.ts";

/**
 * The answers of methods that are not worth a codec of their own, by proto-loader from `proto/`.
 * This file is imported on first use: proto-loader costs a third of a bare start of Node.
 */
export type EncodeAnswer = (method: string, message: object) => Buffer;

export function loadEncoder(protoFolder: string): EncodeAnswer {
  const file = loadSync("open_inference_grpc.proto", {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [protoFolder],
  });
  // A package's entry under a service's name is that service.
  const service = file["inference.GRPCInferenceService"] as ServiceDefinition | undefined;
  return (method, message) => {
    const definition = service?.[method];
    assert(definition !== undefined, `proto/ has no method ${method}`);
    return definition.responseSerialize(message);
  };
}
