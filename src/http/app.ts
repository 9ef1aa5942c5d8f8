import { Hono } from "hono";
import type { Clock } from "../domain/clock.ts";
import { ServingError } from "../domain/error.ts";
import { slicedBodiesMax } from "../domain/limits.ts";
import { type ModelName, parseModelName, parseVersion, unknownModel } from "../domain/model.ts";
import type {
  Admission,
  Dataplane,
  Health,
  Log,
  Metrics,
  Models,
  RepositoryControl,
  Statistics,
} from "../domain/ports.ts";
import type { EventSettings } from "../protocol/cloudevents/answer.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import { modelMetadataBody, serverMetadata } from "../protocol/v2/metadata.ts";
import { statisticsMessage } from "../protocol/v2/statistics.ts";
import { type Ctx, type Env, exchange } from "./exchange.ts";
import { errorReply, jsonReply, methodNotAllowed, respond } from "./reply.ts";
import { mountRepository } from "./repository.ts";
import { Slices } from "./slices.ts";
import { mountV1 } from "./v1.ts";
import { v2 } from "./v2.ts";

export interface HttpPorts {
  readonly control: RepositoryControl | undefined;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly dataplane: Dataplane;
  readonly events: EventSettings;
  readonly health: Health;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly models: Models;
  readonly statistics: Statistics;
  readonly requestBytesMax: number;
  readonly version: string;
}

/** V2 REST (Open Inference Protocol, "HTTP/REST"), and V1. */
export function createApp(ports: HttpPorts): Hono<Env> {
  // A slash at the end changes nothing.
  const app = new Hono<Env>({ strict: false });
  const slices = new Slices(ports.clock, slicedBodiesMax);
  const exchangePorts = { ...ports, slices };
  const get = (path: string, answer: (context: Ctx) => Response | Promise<Response>) => {
    app.get(path, answer);
    app.all(path, (context) => methodNotAllowed(context, "GET, HEAD", ports.log));
  };
  get("/v2/health/live", () => {
    const live = ports.health.live();
    return jsonReply({ live }, live ? 200 : 503);
  });
  get("/v2/health/ready", () => {
    const ready = ports.health.ready();
    return jsonReply({ ready }, ready ? 200 : 503);
  });
  get("/v2", () => jsonReply(serverMetadata(ports.version, ports.control !== undefined)));
  get("/v2/models", () => jsonReply({ models: ports.models.names() }));
  const statistics = (...which: Parameters<Models["loaded"]>) =>
    jsonReply(statisticsMessage(ports.models.loaded(...which), ports.statistics));
  // Before the models: none can be asked for by the name "stats", as with Triton.
  get("/v2/models/stats", () => statistics());
  get("/metrics", () => metricsPage(ports.metrics));
  for (const base of ["/v2/models/:model", "/v2/models/:model/versions/:version"]) {
    get(base, async (c) => jsonReply(modelMetadataBody(await ports.models.metadata(...target(c)))));
    get(`${base}/config`, async (c) => jsonReply(await ports.models.config(...target(c))));
    get(`${base}/ready`, (c) => modelReady(c, ports));
    get(`${base}/stats`, (c) => statistics(...target(c)));
    app.post(`${base}/infer`, (c) => exchange(c, exchangePorts, inferTarget, v2));
    app.all(`${base}/infer`, (c) => methodNotAllowed(c, "POST", ports.log));
  }
  mountV1(app, exchangePorts);
  mountRepository(app, ports);
  app.notFound((c) => {
    const error = new ServingError("route-not-found", "Not Found");
    return errorReply(c, error, ports.log);
  });
  app.onError((error, c) => errorReply(c, error, ports.log));
  return app;
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

function inferTarget(context: Ctx): InferTarget {
  const [model, version] = target(context);
  return { model, version };
}

function modelReady(context: Ctx, { models }: HttpPorts): Response {
  const [name, version] = target(context);
  const ready = models.ready(name, version);
  return jsonReply({ name, ready }, ready ? 200 : 503);
}

async function metricsPage(metrics: Metrics): Promise<Response> {
  const { text, contentType } = await metrics.read();
  return respond(text, 200, { "content-type": contentType });
}
