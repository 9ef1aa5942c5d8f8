import type { Context } from "hono";
import { toServingError } from "../domain/error.ts";
import type { Log } from "../domain/ports.ts";
import { httpStatus } from "./status.ts";

/** Answers on REST. Every error has the body `{"error": "…"}`. */

const jsonHeaders = { "content-type": "application/json" };

export function jsonReply(context: Context, body: unknown): Response {
  return context.body(JSON.stringify(body), 200, jsonHeaders);
}

export function textReply(context: Context, json: string | Uint8Array<ArrayBuffer>): Response {
  return context.body(json, 200, jsonHeaders);
}

export function binaryReply(
  context: Context,
  body: string | Uint8Array<ArrayBuffer>,
  headerLength: number,
): Response {
  return context.body(body, 200, {
    "content-type": "application/octet-stream",
    "inference-header-content-length": String(headerLength),
  });
}

export function errorReply(context: Context, thrown: unknown, log: Log): Response {
  const error = toServingError(thrown);
  const { status, retryAfterS } = httpStatus(error.kind);
  logError(log, context.req.path, error);
  if (retryAfterS !== undefined) context.header("retry-after", String(retryAfterS));
  const body = JSON.stringify({ error: error.message });
  return context.body(body, status, jsonHeaders);
}

function logError(log: Log, path: string, error: ReturnType<typeof toServingError>): void {
  const { kind, message, cause } = error;
  if (kind === "internal") log.write("error", "request failed", { path, kind, message, cause });
  else if (kind === "overloaded") log.write("warn", "request refused", { path, kind, message });
  else log.write("debug", "request refused", { path, kind, message });
}
