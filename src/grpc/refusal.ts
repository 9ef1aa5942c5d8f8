import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Admission, Log } from "../domain/ports.ts";
import { grpcStatus } from "./status.ts";

const inferPath = "/inference.GRPCInferenceService/ModelInfer";

/**
 * An answer to an inference that is refused by its headers alone: before its message is read, and
 * without the cost of a call in grpc-js, which is most of what an accepted one costs. `undefined`
 * where the call may go on.
 */
export function refusalByHeaders(
  headers: IncomingHttpHeaders,
  admission: Admission,
  log: Log,
): OutgoingHttpHeaders | undefined {
  if (headers[":path"] !== inferPath) return undefined;
  const error = admission.refusal();
  if (error === undefined) return undefined;
  const { kind, message } = error;
  log.write("warn", "request refused", { method: "ModelInfer", kind, message });
  return {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": String(grpcStatus(kind)),
    "grpc-message": encodeURIComponent(message),
  };
}
