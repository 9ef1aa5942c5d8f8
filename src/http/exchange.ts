import type { Http2Bindings, HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { Call, cancelledError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { requestMsMax } from "../domain/limits.ts";
import type { Admission, Dataplane } from "../domain/ports.ts";
import type { EventSettings } from "../protocol/cloudevents/answer.ts";
import { eventMode } from "../protocol/cloudevents/event.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import { declaredBytes, discardBody, type Incoming, readBody } from "./body.ts";
import { acceptedCoding, isWorthPacking, pack, requestCoding, unpack } from "./coding.ts";
import { type Dialect, headerText, isSliced, type Reply } from "./dialect.ts";
import { respond } from "./reply.ts";
import type { Slices } from "./slices.ts";

export type Env = { Bindings: HttpBindings | Http2Bindings };
export type Ctx = Context<Env>;

export interface ExchangePorts {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly dataplane: Dataplane;
  readonly events: EventSettings;
  readonly slices: Slices;
  readonly requestBytesMax: number;
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
    return respond(reply.body, 200, reply.headers);
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
  const coding = requestCoding(headerText(incoming.headers, "content-encoding"));
  const declared = declaredBytes(incoming, ports.requestBytesMax);
  const call = new Call(ports.clock.nowMs() + timeLimitMs(incoming));
  // What is closed already would never give its permit back.
  if (incoming.destroyed) throw cancelledError();
  const permit = ports.admission.acquire(declared ?? 0);
  outgoing.once("close", () => {
    call.cancel();
    permit.release();
  });
  const received = await readBody(incoming, declared, ports.requestBytesMax, permit);
  call.check(ports.clock.nowMs());
  const hold = (bytes: number) => {
    call.check(ports.clock.nowMs());
    permit.resize(bytes);
  };
  const limits = { bytesMax: ports.requestBytesMax, hold };
  const body = coding === undefined ? received : await unpack(received, coding, limits);
  const event = inEvents(dialect, incoming, ports);
  const spoken = event instanceof Promise ? await event : event;
  const decoding = spoken.decode(sentTo, body, incoming.headers);
  const request = isSliced(decoding) ? await ports.slices.run(decoding, call) : decoding;
  const response = await ports.dataplane.infer(request, call, permit);
  const encoding = spoken.encode(response, request);
  const reply = isSliced(encoding) ? await ports.slices.run(encoding, call) : encoding;
  const accepted = acceptedCoding(headerText(incoming.headers, "accept-encoding"));
  return accepted === undefined || !isWorthPacking(reply) ? reply : await pack(reply, accepted);
}

/** The dialect, or what speaks it in events where the request is one. */
function inEvents(
  dialect: Dialect,
  { headers }: Incoming,
  { clock, events }: ExchangePorts,
): Dialect | Promise<Dialect> {
  const mode = eventMode(headers);
  if (mode === undefined) return dialect;
  return import("./cloudevents.ts").then(
    ({ EventDialect }) => new EventDialect(mode, dialect, clock, events),
  );
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
