import type { Hono } from "hono";
import { ServingError } from "../domain/error.ts";
import { parseModelName, parseVersion, unknownModel } from "../domain/model.ts";
import type { Log, Models } from "../domain/ports.ts";
import { drained } from "../protocol/sliced.ts";
import { decodePredict, isLargePredict } from "../protocol/v1/predict.ts";
import {
  encodeLargePredictions,
  encodePredictions,
  isLargePrediction,
} from "../protocol/v1/predictions.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import { discardBody } from "./body.ts";
import type { Dialect, Reply } from "./dialect.ts";
import { type Ctx, type Env, type ExchangePorts, exchange } from "./exchange.ts";
import { jsonHeaders, jsonReply, methodNotAllowed } from "./reply.ts";

export interface V1Ports extends ExchangePorts {
  readonly models: Pick<Models, "names" | "ready">;
  readonly log: Log;
}

/** Inference as V1 has it. */
const v1: Dialect = {
  decode: (target, body) => {
    const work = decodePredict(target, body);
    return isLargePredict(body) ? work : drained(work);
  },
  encode: (response, request) =>
    isLargePrediction(response)
      ? largeReply(encodeLargePredictions(response, request))
      : { body: encodePredictions(response, request), headers: jsonHeaders },
};

function* largeReply(encoding: Generator<void, Reply["body"]>): Generator<void, Reply> {
  return { body: yield* encoding, headers: jsonHeaders };
}

/** The routes of V1 (KServe, "V1 Protocol"), with versions as TensorFlow Serving has them. */
export function mountV1(app: Hono<Env>, ports: V1Ports): void {
  const { log, models } = ports;
  const get = (path: string, answer: (context: Ctx) => Response) => {
    app.get(path, answer);
    app.all(path, (c) => methodNotAllowed(c, "GET, HEAD", log));
  };
  get("/", () => jsonReply({ status: "alive" }));
  get("/v1/models", () => jsonReply({ models: models.names() }));
  for (const path of ["/v1/models/:model", "/v1/models/:model/versions/:version"]) {
    app.all(path, (c) => ofModel(c, ports));
  }
}

/** A model's state, or what follows its name or version behind a colon. */
async function ofModel(context: Ctx, ports: V1Ports): Promise<Response> {
  const { verb } = parts(context);
  const { method } = context.req;
  if (verb === undefined) {
    if (method === "GET" || method === "HEAD") return modelState(context, ports);
    return methodNotAllowed(context, "GET, HEAD", ports.log);
  }
  if (method !== "POST") return methodNotAllowed(context, "POST", ports.log);
  if (verb === "predict") return exchange(context, ports, target, v1);
  await discardBody(context.env.incoming);
  const { model, version } = target(context);
  // An unknown model comes first.
  ports.models.ready(model, version);
  const what = verb === "explain" ? "has no explainer" : `does not offer ':${verb}'`;
  throw new ServingError("unsupported", `model '${model}' ${what}; use ':predict'`);
}

/** KServe's, and TensorFlow Serving's. */
const verbs = ["predict", "explain", "classify", "regress"] as const;

interface Parts {
  readonly model: string;
  readonly version: string | undefined;
  readonly verb: (typeof verbs)[number] | undefined;
}

/** The parts of the path, percent-decoded after splitting. A name may hold colons of its own. */
function parts(context: Ctx): Parts {
  const model = context.req.param("model") ?? "";
  const version = context.req.param("version");
  const last = version ?? model;
  const verb = verbs.find((known) => last.endsWith(`:${known}`));
  if (verb === undefined) return { model, version, verb };
  const rest = last.slice(0, -1 - verb.length);
  return version === undefined ? { model: rest, version, verb } : { model, version: rest, verb };
}

function target(context: Ctx): InferTarget {
  const { model, version } = parts(context);
  if (version !== undefined && parseVersion(version) === undefined) {
    throw unknownModel(model, version);
  }
  return { model: parseModelName(model), version };
}

function modelState(context: Ctx, ports: V1Ports): Response {
  const { model, version } = target(context);
  const ready = ports.models.ready(model, version);
  return jsonReply({ name: model, ready }, ready ? 200 : 503);
}
