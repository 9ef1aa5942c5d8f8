/**
 * The closed set of what can go wrong with a request. Each edge turns a kind into its own status
 * in one exhaustive switch (`http/status.ts`, `grpc/status.ts`); nothing else knows statuses.
 */
export const errorKinds = [
  "invalid-request",
  "forbidden",
  "method-not-allowed",
  "route-not-found",
  "body-timeout",
  "model-not-found",
  "too-large",
  "unsupported",
  "unsupported-encoding",
  "overloaded",
  "model-not-ready",
  "shutting-down",
  "worker-lost",
  "cancelled",
  "deadline-exceeded",
  "internal",
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/**
 * The only error that crosses layers. `message` is read by clients: it names what was wrong and
 * what was expected, and never holds a path, a stack or native text. Those go into `cause`, which
 * only the log sees.
 */
export class ServingError extends Error {
  override readonly name = "ServingError";
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** A client's mistake, in words for the client. */
export function invalid(message: string): ServingError {
  return new ServingError("invalid-request", message);
}

/** What was thrown, as a ServingError; anything unforeseen becomes `internal` without its text. */
export function toServingError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  return new ServingError("internal", "internal error", thrown);
}

/** States what cannot happen. A failure is a defect of thaw, never of a request. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`${what}. This is a bug.`);
}
