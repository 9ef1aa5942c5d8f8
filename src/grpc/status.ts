import { status } from "@grpc/grpc-js";
import type { ErrorKind } from "../domain/error.ts";

/** What an error is on gRPC. */
export function grpcStatus(kind: ErrorKind): status {
  switch (kind) {
    case "invalid-request":
      return status.INVALID_ARGUMENT;
    case "forbidden":
      return status.PERMISSION_DENIED;
    case "route-not-found":
    case "method-not-allowed":
    case "unsupported":
    case "unsupported-encoding":
      return status.UNIMPLEMENTED;
    case "model-not-found":
      return status.NOT_FOUND;
    case "too-large":
      return status.RESOURCE_EXHAUSTED;
    case "overloaded":
    case "model-not-ready":
    case "shutting-down":
    case "worker-lost":
    case "body-timeout":
      return status.UNAVAILABLE;
    case "cancelled":
      return status.CANCELLED;
    case "deadline-exceeded":
      return status.DEADLINE_EXCEEDED;
    case "internal":
      return status.INTERNAL;
    default:
      return kind satisfies never;
  }
}
