import type { Http2Bindings, HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { Call, cancelledError } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ServingError } from "../domain/error.ts";
import { requestMsMax, slicedBodiesMax } from "../domain/limits.ts";
import { type ModelName, parseModelName, parseVersion, unknownModel } from "../domain/model.ts";
import type {
  Admission,
  Dataplane,
  Health,
  Log,
  Metrics,
  Models,
  Statistics,
} from "../domain/ports.ts";
import { decodeBody, encodeBody, headerLengthName } from "../protocol/v2/binary.ts";
import {
  decodeLargeBody,
  encodeLargeBody,
  isLargeAnswer,
  isLargeBody,
} from "../protocol/v2/large.ts";
import { modelMetadataBody, serverMetadata } from "../protocol/v2/metadata.ts";
import { statisticsMessage } from "../protocol/v2/statistics.ts";
import { declaredBytes, discardBody, type Incoming, readBody } from "./body.ts";
import { binaryReply, errorReply, jsonReply, textReply } from "./reply.ts";
import { Slices } from "./slices.ts";

export interface HttpPorts {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly dataplane: Dataplane;
  readonly health: Health;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly models: Models;
  readonly statistics: Statistics;
  readonly requestBytesMax: number;
  readonly version: string;
}

type Env = { Bindings: HttpBindings | Http2Bindings };
type Ctx = Context<Env>;

/** V2 REST (Open Inference Protocol, "HTTP/REST"). */
export function createApp(ports: HttpPorts): Hono<Env> {
  const app = new Hono<Env>({ strict: true });
  const slices = new Slices(ports.clock, slicedBodiesMax);
  const get = (path: string, answer: (context: Ctx) => Response | Promise<Response>) => {
    app.get(path, answer);
    app.all(path, (context) => methodNotAllowed(context, "GET, HEAD", ports.log));
  };
  get("/v2/health/live", (c) => {
    const live = ports.health.live();
    return c.body(JSON.stringify({ live }), live ? 200 : 503, {
      "content-type": "application/json",
    });
  });
  get("/v2/health/ready", (c) => {
    const ready = ports.health.ready();
    return c.body(JSON.stringify({ ready }), ready ? 200 : 503, {
      "content-type": "application/json",
    });
  });
  get("/v2", (c) => jsonReply(c, serverMetadata(ports.version)));
  get("/v2/models", (c) => jsonReply(c, { models: ports.models.names() }));
  const statistics = (c: Ctx, ...which: Parameters<Models["loaded"]>) =>
    jsonReply(c, statisticsMessage(ports.models.loaded(...which), ports.statistics));
  // Before the models: none can be asked for by the name "stats", as with Triton.
  get("/v2/models/stats", (c) => statistics(c));
  get("/metrics", (c) => metricsPage(c, ports.metrics));
  for (const base of ["/v2/models/:model", "/v2/models/:model/versions/:version"]) {
    get(base, (c) => jsonReply(c, modelMetadataBody(ports.models.metadata(...target(c)))));
    get(`${base}/ready`, (c) => modelReady(c, ports));
    get(`${base}/stats`, (c) => statistics(c, ...target(c)));
    app.post(`${base}/infer`, (c) => infer(c, ports, slices));
    app.all(`${base}/infer`, (c) => methodNotAllowed(c, "POST", ports.log));
  }
  app.notFound((c) => {
    const error = new ServingError("route-not-found", "Not Found");
    return errorReply(c, error, ports.log);
  });
  app.onError((error, c) => errorReply(c, error, ports.log));
  return app;
}

function methodNotAllowed(context: Ctx, allowed: string, log: Log): Response {
  context.header("Allow", allowed);
  const error = new ServingError("method-not-allowed", "Method Not Allowed");
  return errorReply(context, error, log);
}

/** Model and version of the path; Hono has percent-decoded them after splitting. */
function target(context: Ctx): [ModelName, string | undefined] {
  const name = context.req.param("model") ?? "";
  const version = context.req.param("version");
  if (version !== undefined && parseVersion(version) === undefined) {
    throw unknownModel(name, version);
  }
  return [parseModelName(name), version];
}

function modelReady(context: Ctx, { models }: HttpPorts): Response {
  const [name, version] = target(context);
  const ready = models.ready(name, version);
  return context.body(JSON.stringify({ name, ready }), ready ? 200 : 503, {
    "content-type": "application/json",
  });
}

async function metricsPage(context: Ctx, metrics: Metrics): Promise<Response> {
  const { text, contentType } = await metrics.read();
  return context.body(text, 200, { "content-type": contentType });
}

async function infer(context: Ctx, ports: HttpPorts, slices: Slices): Promise<Response> {
  try {
    return await inferBody(context, ports, slices);
  } catch (error) {
    await discardBody(context.env.incoming);
    throw error;
  }
}

async function inferBody(context: Ctx, ports: HttpPorts, slices: Slices): Promise<Response> {
  const { incoming, outgoing } = context.env;
  const [model, version] = target(context);
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
  const parts = [{ model, version }, body, headerText(incoming, headerLengthName)] as const;
  const request = isLargeBody(parts[1], parts[2])
    ? await slices.run(decodeLargeBody(...parts), call)
    : decodeBody(...parts);
  const response = await ports.dataplane.infer(request, call, permit);
  const encoded = isLargeAnswer(response, request)
    ? await slices.run(encodeLargeBody(response, request), call)
    : encodeBody(response, request);
  if (encoded.headerLength === undefined) return textReply(context, encoded.body);
  return binaryReply(context, encoded.body, encoded.headerLength);
}

/** A client's own limit: what a proxy or a client says in milliseconds, else the server's. */
function timeLimitMs(incoming: Incoming): number {
  let limit = requestMsMax;
  for (const name of ["x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms"]) {
    const text = headerText(incoming, name);
    if (text === undefined || !/^[0-9]{1,9}$/.test(text)) continue;
    const given = Number(text);
    if (given > 0) limit = Math.min(limit, given);
  }
  return limit;
}

function headerText(incoming: Incoming, name: string): string | undefined {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function refuseEncodings(incoming: Incoming): void {
  const encoding = headerText(incoming, "content-encoding");
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw new ServingError(
    "unsupported-encoding",
    `Content-Encoding '${encoding.slice(0, 40)}' is not supported; send the body as it is`,
  );
}
