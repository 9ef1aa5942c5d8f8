import type { InferRequest, InferResponse } from "../domain/request.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import type { Incoming } from "./body.ts";

export type RequestHeaders = Incoming["headers"];

/** What goes back: a body and the headers that tell what it is. */
export interface Reply {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Small work is done at once, large work in slices. */
export type Work<T> = T | Generator<void, T>;

/** How a protocol reads a request from a body, and writes the answer to it. */
export interface Dialect {
  decode(target: InferTarget, body: Buffer, headers: RequestHeaders): Work<InferRequest>;
  encode(response: InferResponse, request: InferRequest): Work<Reply>;
}

export function isSliced<T extends object>(
  work: T | Generator<void, T>,
): work is Generator<void, T> {
  return Symbol.iterator in work;
}

/** A header's text; the first where it was sent several times. */
export function headerText(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
