import type { Http2Server } from "node:http2";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { assert } from "../domain/error.ts";
import {
  connectionAgeGraceMs,
  connectionAgeMs,
  MiB,
  responseBytesMax,
  sessionMemoryBytesMax,
  streamsPerConnectionMax,
} from "../domain/limits.ts";
import { HealthService } from "./health.ts";
import { ReflectionService } from "./reflection.ts";
import { type GrpcPorts, inferenceService } from "./service.ts";
import { InferStreams } from "./stream.ts";

export interface GrpcEdge {
  /** grpc-js's HTTP/2 server, to be fed with sockets by `net/`. */
  readonly http2: Http2Server;
  /** Ends watches and idle sessions; resolves when the last call has ended. */
  close(): Promise<void>;
}

export function createGrpcEdge(ports: GrpcPorts, requestBytesMax: number): GrpcEdge {
  const server = new Server({
    "grpc.max_receive_message_length": requestBytesMax,
    "grpc.max_send_message_length": responseBytesMax + MiB,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    "grpc.max_connection_age_ms": connectionAgeMs,
    "grpc.max_connection_age_grace_ms": connectionAgeGraceMs,
    "grpc-node.max_session_memory": Math.ceil((sessionMemoryBytesMax + requestBytesMax) / MiB),
    "grpc.enable_channelz": 0,
  });
  const health = new HealthService(ports.health, ports.log);
  const streams = new InferStreams(ports);
  const reflection = new ReflectionService(ports.protoFolder);
  server.addService(...inferenceService(ports, (stream) => streams.serve(stream)));
  server.addService(...health.service());
  for (const service of reflection.services()) server.addService(...service);
  return {
    http2: http2Of(server),
    close: () => {
      health.endWatches();
      streams.endAll();
      reflection.endAll();
      return new Promise((resolve) => server.tryShutdown(() => resolve()));
    },
  };
}

/**
 * The HTTP/2 server inside grpc-js. Its connection injector takes sockets but hides the server, and
 * REST over HTTP/2 needs the streams that are not gRPC; so the server is caught where grpc-js
 * (1.14.7) makes it, in the private method `createHttp2Server`.
 */
function http2Of(server: Server): Http2Server {
  let caught: Http2Server | undefined;
  const create = server["createHttp2Server"].bind(server);
  server["createHttp2Server"] = (credentials: ServerCredentials) => {
    const made = create(credentials);
    // Insecure credentials make a plain server.
    caught = made as Http2Server;
    return made;
  };
  server.createConnectionInjector(ServerCredentials.createInsecure());
  assert(caught !== undefined, "grpc-js made no HTTP/2 server for its injector");
  return caught;
}
