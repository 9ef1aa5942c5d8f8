import type { Context } from "hono";
import { ServingError, toServingError } from "../domain/error.ts";
import type { Log } from "../domain/ports.ts";
import { codings } from "./coding.ts";
import { httpStatus } from "./status.ts";

/** Answers on REST. Every error has the body `{"error": "…"}`. */

export const jsonHeaders = { "content-type": "application/json" };

export function jsonReply(context: Context, body: unknown): Response {
  return context.body(JSON.stringify(body), 200, jsonHeaders);
}

export function errorReply(context: Context, thrown: unknown, log: Log): Response {
  const error = toServingError(thrown);
  const { status, retryAfterS } = httpStatus(error.kind);
  logError(log, context.req.path, error);
  if (retryAfterS !== undefined) context.header("retry-after", String(retryAfterS));
  if (error.kind === "unsupported-encoding") context.header("accept-encoding", codings);
  const body = JSON.stringify({ error: error.message });
  return context.body(body, status, jsonHeaders);
}

export function methodNotAllowed(context: Context, allowed: string, log: Log): Response {
  context.header("Allow", allowed);
  const error = new ServingError("method-not-allowed", "Method Not Allowed");
  return errorReply(context, error, log);
}

function logError(log: Log, path: string, error: ReturnType<typeof toServingError>): void {
  const { kind, message, cause } = error;
  if (kind === "internal") log.write("error", "request failed", { path, kind, message, cause });
  else if (kind === "overloaded") log.write("warn", "request refused", { path, kind, message });
  else log.write("debug", "request refused", { path, kind, message });
}
