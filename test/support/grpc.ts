import { join } from "node:path";
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import type { Json } from "./http.ts";

/** gRPC by grpc-js and proto-loader, from the protocol's own files. */

const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
const includeDirs = [join(import.meta.dirname, "../../proto")];

function service(file: string, name: string): ServiceDefinition {
  return loadSync(file, { ...options, includeDirs })[name] as ServiceDefinition;
}

const inference = service("open_inference_grpc.proto", "inference.GRPCInferenceService");
const health = service("health.proto", "grpc.health.v1.Health");

export interface CallOptions {
  readonly deadline?: number;
  readonly metadata?: Metadata;
}

/** A client of one connection. */
export class GrpcClient {
  readonly client: Client;

  constructor(port: number, { gzip = false } = {}) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      ...(gzip && { "grpc.default_compression_algorithm": compressionAlgorithms.gzip }),
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  call(method: string, message: object = {}, { deadline }: CallOptions = {}): Promise<Json> {
    return this.begin(method, message, deadline).answer;
  }

  /** The call in progress, to be cancelled, and its answer. */
  begin(method: string, message: object, deadlineMs?: number) {
    const definition = method === "Check" ? health[method] : inference[method];
    if (definition === undefined) throw new Error(`no method ${method}`);
    const { path, requestSerialize, responseDeserialize } = definition;
    const limits = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const call = this.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      limits,
      (error: ServiceError | null, answer?: object) => {
        if (error === null) resolve(answer);
        else reject(error);
      },
    );
    return { call, answer: promise };
  }

  watch(name = "") {
    const definition = health["Watch"];
    if (definition === undefined) throw new Error("no method Watch");
    const { path, requestSerialize, responseDeserialize } = definition;
    return this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
      service: name,
    });
  }

  /** ModelStreamInfer. */
  stream(metadata = new Metadata()) {
    const definition = inference["ModelStreamInfer"];
    if (definition === undefined) throw new Error("no method ModelStreamInfer");
    const { path, requestSerialize, responseDeserialize } = definition;
    return this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  /** Sends all of them in one stream; its answers, and the status at its end. */
  async converse(requests: readonly object[], headers: Readonly<Record<string, string>> = {}) {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const stream = this.stream(metadata);
    const answers: Json[] = [];
    stream.on("data", (answer: Json) => answers.push(answer));
    const ended = new Promise<number>((resolve) => {
      stream.on("error", ({ code }: { code: number }) => resolve(code));
      stream.on("end", () => resolve(status.OK));
    });
    for (const one of requests) stream.write(one);
    stream.end();
    return { code: await ended, answers };
  }

  close(): void {
    this.client.close();
  }
}

/** The error of a call that has to fail. */
export async function failure(answer: Promise<unknown>): Promise<ServiceError> {
  try {
    await answer;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the call did not fail");
}

export function floats(values: readonly number[]): Buffer {
  return Buffer.from(new Float32Array(values).buffer);
}
