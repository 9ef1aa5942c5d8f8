import type { Context } from "hono";
import { ServingError, toServingError } from "../domain/error.ts";
import type { Log } from "../domain/ports.ts";
import { codings } from "./coding.ts";
import { httpStatus } from "./status.ts";

/** Answers on REST. Every error has the body `{"error": "…"}`. */

export const jsonHeaders = { "content-type": "application/json" };

/**
 * An answer, made at once. In the bundle `Response` is the light one of `@hono/node-server`, which
 * goes to the socket as it is; what Hono's context makes of more than one header loads undici.
 */
export function respond(
  body: string | Uint8Array<ArrayBuffer>,
  status: number,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(body, { status, headers });
}

export function jsonReply(body: unknown, status = 200): Response {
  return respond(JSON.stringify(body), status, jsonHeaders);
}

export function errorReply(
  context: Context,
  thrown: unknown,
  log: Log,
  more: Readonly<Record<string, string>> = {},
): Response {
  const error = toServingError(thrown);
  const { status, retryAfterS } = httpStatus(error.kind);
  logError(log, context.req.path, error);
  return respond(JSON.stringify({ error: error.message }), status, {
    ...jsonHeaders,
    ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    ...(error.kind === "unsupported-encoding" ? { "accept-encoding": codings } : {}),
    ...more,
  });
}

export function methodNotAllowed(context: Context, allowed: string, log: Log): Response {
  const error = new ServingError("method-not-allowed", "Method Not Allowed");
  return errorReply(context, error, log, { allow: allowed });
}

function logError(log: Log, path: string, error: ReturnType<typeof toServingError>): void {
  const { kind, message, cause } = error;
  if (kind === "internal") log.write("error", "request failed", { path, kind, message, cause });
  else if (kind === "overloaded") log.write("warn", "request refused", { path, kind, message });
  else log.write("debug", "request refused", { path, kind, message });
}
