import type { ErrorKind } from "../domain/error.ts";

/** What an error is on REST. */
export interface HttpStatus {
  readonly status: 400 | 403 | 404 | 405 | 408 | 413 | 415 | 500 | 501 | 503 | 504;
  /** Seconds after which the client may try again. */
  readonly retryAfterS?: number;
}

export function httpStatus(kind: ErrorKind): HttpStatus {
  switch (kind) {
    case "invalid-request":
      return { status: 400 };
    case "forbidden":
      return { status: 403 };
    case "route-not-found":
    case "model-not-found":
      return { status: 404 };
    case "method-not-allowed":
      return { status: 405 };
    case "body-timeout":
      return { status: 408 };
    // Nobody is left to read the answer.
    case "cancelled":
      return { status: 408 };
    case "too-large":
      return { status: 413 };
    case "unsupported-encoding":
      return { status: 415 };
    case "unsupported":
      return { status: 501 };
    case "overloaded":
    case "model-not-ready":
    case "shutting-down":
    case "worker-lost":
      return { status: 503, retryAfterS: 1 };
    case "deadline-exceeded":
      return { status: 504 };
    case "internal":
      return { status: 500 };
    default:
      return kind satisfies never;
  }
}
