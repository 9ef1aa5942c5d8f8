import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";

/**
 * The same stack as thaw's gRPC with nothing behind it: takes the bytes of a message, answers with
 * those in its arguments (base64). Run by `bench/hot.ts`.
 */

const answer = Buffer.from(process.argv[2] ?? "", "base64");
const asItIs = (bytes: Buffer) => bytes;

const modelInfer: handleUnaryCall<Buffer, Buffer> = (_call, reply) => reply(null, answer);
const server = new Server({ "grpc.max_concurrent_streams": 1_024, "grpc.enable_channelz": 0 });
server.addService(
  {
    ModelInfer: {
      path: "/inference.GRPCInferenceService/ModelInfer",
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  },
  { ModelInfer: modelInfer },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stderr.write(`${JSON.stringify({ event: "serving", ports: [port] })}\n`);
});
process.once("SIGTERM", () => process.exit());
