import type { Http2Bindings, HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { Call, cancelledError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ServingError } from "../domain/error.ts";
import { requestMsMax } from "../domain/limits.ts";
import type { Admission, Dataplane } from "../domain/ports.ts";
import type { InferRequest, InferResponse } from "../domain/request.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import { declaredBytes, discardBody, type Incoming, readBody } from "./body.ts";
import type { Slices } from "./slices.ts";

export type Env = { Bindings: HttpBindings | Http2Bindings };
export type Ctx = Context<Env>;

export interface ExchangePorts {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly dataplane: Dataplane;
  readonly slices: Slices;
  readonly requestBytesMax: number;
}

export type RequestHeaders = Incoming["headers"];

/** What goes back: a body and the headers that tell what it is. */
export interface Reply {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Small work is done at once, large work in slices. */
type Work<T> = T | Generator<void, T>;

/** How a protocol reads a request from a body, and writes the answer to it. */
export interface Dialect {
  decode(target: InferTarget, body: Buffer, headers: RequestHeaders): Work<InferRequest>;
  encode(response: InferResponse, request: InferRequest): Work<Reply>;
}

/** The way of an inference over REST, from its headers to its answer. Throws ServingErrors. */
export async function exchange(
  context: Ctx,
  ports: ExchangePorts,
  target: (context: Ctx) => InferTarget,
  dialect: Dialect,
): Promise<Response> {
  try {
    const reply = await inferBody(context, ports, target, dialect);
    return context.body(reply.body, 200, reply.headers);
  } catch (error) {
    await discardBody(context.env.incoming);
    throw error;
  }
}

async function inferBody(
  context: Ctx,
  ports: ExchangePorts,
  target: (context: Ctx) => InferTarget,
  dialect: Dialect,
): Promise<Reply> {
  const { incoming, outgoing } = context.env;
  const sentTo = target(context);
  refuseEncodings(incoming);
  const declared = declaredBytes(incoming, ports.requestBytesMax);
  const call = new Call(ports.clock.nowMs() + timeLimitMs(incoming));
  // What is closed already would never give its permit back.
  if (incoming.destroyed) throw cancelledError();
  const permit = ports.admission.acquire(declared ?? 0);
  outgoing.once("close", () => {
    call.cancel();
    permit.release();
  });
  const body = await readBody(incoming, declared, ports.requestBytesMax, permit);
  call.check(ports.clock.nowMs());
  const decoding = dialect.decode(sentTo, body, incoming.headers);
  const request = isSliced(decoding) ? await ports.slices.run(decoding, call) : decoding;
  const response = await ports.dataplane.infer(request, call, permit);
  const encoding = dialect.encode(response, request);
  return isSliced(encoding) ? await ports.slices.run(encoding, call) : encoding;
}

function isSliced<T extends object>(work: T | Generator<void, T>): work is Generator<void, T> {
  return Symbol.iterator in work;
}

/** A client's own limit: what a proxy or a client says in milliseconds, else the server's. */
function timeLimitMs(incoming: Incoming): number {
  let limit = requestMsMax;
  for (const name of ["x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms"]) {
    const text = headerText(incoming.headers, name);
    if (text === undefined || !/^[0-9]{1,9}$/.test(text)) continue;
    const given = Number(text);
    if (given > 0) limit = Math.min(limit, given);
  }
  return limit;
}

/** A header's text; the first where it was sent several times. */
export function headerText(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function refuseEncodings(incoming: Incoming): void {
  const encoding = headerText(incoming.headers, "content-encoding");
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw new ServingError(
    "unsupported-encoding",
    `Content-Encoding '${encoding.slice(0, 40)}' is not supported; send the body as it is`,
  );
}
