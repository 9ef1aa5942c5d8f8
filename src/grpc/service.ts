import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Call } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { toServingError } from "../domain/error.ts";
import { requestMsMax } from "../domain/limits.ts";
import { parseModelName } from "../domain/model.ts";
import type {
  Admission,
  Dataplane,
  Health,
  Log,
  Models,
  RepositoryControl,
  Statistics,
} from "../domain/ports.ts";
import {
  decodeModelInferRequest,
  decodeModelRequest,
  encodeFlag,
  encodeModelInferResponse,
} from "../protocol/v2/grpc.ts";
import { modelMetadata, serverMetadata } from "../protocol/v2/metadata.ts";
import { statisticsMessage } from "../protocol/v2/statistics.ts";
import type { EncodeAnswer } from "./messages.ts";
import { repositoryAnswers } from "./repository.ts";
import { grpcStatus } from "./status.ts";

export interface GrpcPorts {
  readonly control: RepositoryControl | undefined;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly dataplane: Dataplane;
  readonly health: Health;
  readonly log: Log;
  readonly models: Models;
  readonly statistics: Statistics;
  readonly protoFolder: string;
  readonly version: string;
}

export type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type Answer = (message: Buffer, call: UnaryCall) => Buffer | Promise<Buffer>;

/** A method by its path; messages pass as bytes, so that decoding and its errors are ours. */
export function rawMethod(path: string, responseStream = false) {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** `inference.GRPCInferenceService` (Open Inference Protocol, "gRPC"). */
export function inferenceService(
  ports: GrpcPorts,
  serveStream: (stream: ServerDuplexStream<Buffer, Buffer>) => void,
): [ServiceDefinition, UntypedServiceImplementation] {
  const { health, models, statistics } = ports;
  let encoder: Promise<EncodeAnswer> | undefined;
  const encode = async (method: string, message: object) => {
    encoder ??= import("./messages.ts").then(({ loadEncoder }) => loadEncoder(ports.protoFolder));
    return (await encoder)(method, message);
  };
  const answers: Record<string, Answer> = {
    ServerLive: () => encodeFlag(health.live()),
    ServerReady: () => encodeFlag(health.ready()),
    ModelReady: (message) => {
      const { name, version } = decodeModelRequest(message);
      return encodeFlag(models.ready(parseModelName(name), version));
    },
    ServerMetadata: () =>
      encode("ServerMetadata", serverMetadata(ports.version, ports.control !== undefined)),
    ModelMetadata: async (message) => {
      const { name, version } = decodeModelRequest(message);
      const metadata = await models.metadata(parseModelName(name), version);
      return encode("ModelMetadata", modelMetadata(metadata));
    },
    ModelStatistics: (message) => {
      const { name, version } = decodeModelRequest(message);
      const loaded = models.loaded(name === "" ? undefined : parseModelName(name), version);
      return encode("ModelStatistics", statisticsMessage(loaded, statistics));
    },
    ModelInfer: (message, call) => infer(message, call, ports),
    ...repositoryAnswers(ports, encode),
  };
  const definition = Object.keys(answers).map((name) => [
    name,
    rawMethod(`/inference.GRPCInferenceService/${name}`),
  ]);
  const implementation = Object.entries(answers).map(([name, answer]) => [
    name,
    unary(name, answer, ports.log),
  ]);
  const path = "/inference.GRPCInferenceService/ModelStreamInfer";
  const stream = { ...rawMethod(path, true), requestStream: true };
  return [
    { ...Object.fromEntries(definition), ModelStreamInfer: stream },
    { ...Object.fromEntries(implementation), ModelStreamInfer: serveStream },
  ];
}

/** A handler as grpc-js wants it; what `answer` throws becomes a status. */
export function unary(name: string, answer: Answer, log: Log) {
  return (call: UnaryCall, callback: sendUnaryData<Buffer>): void => {
    const run = async () => answer(call.request, call);
    run().then(
      (message) => callback(null, message),
      (thrown: unknown) => callback(statusOf(thrown, name, log)),
    );
  };
}

function statusOf(thrown: unknown, method: string, log: Log) {
  const { kind, message, cause } = toServingError(thrown);
  if (kind === "internal") log.write("error", "request failed", { method, kind, message, cause });
  else if (kind === "overloaded") log.write("warn", "request refused", { method, kind, message });
  else log.write("debug", "request refused", { method, kind, message });
  return { code: grpcStatus(kind), details: message };
}

async function infer(message: Buffer, unaryCall: UnaryCall, ports: GrpcPorts): Promise<Buffer> {
  const call = new Call(ports.clock.nowMs() + timeLimitMs(unaryCall));
  unaryCall.once("cancelled", () => call.cancel());
  const permit = ports.admission.acquire(message.length);
  try {
    call.check(ports.clock.nowMs());
    const request = decodeModelInferRequest(message);
    const response = await ports.dataplane.infer(request, call, permit);
    return encodeModelInferResponse(response, request);
  } finally {
    permit.release();
  }
}

/** Until the client's deadline, at most the server's own limit. */
function timeLimitMs(call: UnaryCall): number {
  const deadline = call.getDeadline();
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return Math.min(atMs - Date.now(), requestMsMax);
}
