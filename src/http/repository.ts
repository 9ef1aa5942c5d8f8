import type { Http2Bindings, HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { invalid, ServingError } from "../domain/error.ts";
import type {
  Admission,
  IndexEntry,
  LoadRequest,
  Log,
  RepositoryControl,
} from "../domain/ports.ts";
import { decodeIndexRequest, decodeLoadRequest } from "../protocol/v2/repository.ts";
import { declaredBytes, discardBody, readBody } from "./body.ts";
import { jsonReply, methodNotAllowed } from "./reply.ts";

type Env = { Bindings: HttpBindings | Http2Bindings };
type Ctx = Context<Env>;

export interface RepositoryPorts {
  readonly admission: Admission;
  /** `undefined` where the extension is switched off. */
  readonly control: RepositoryControl | undefined;
  readonly log: Log;
  readonly requestBytesMax: number;
}

const off = "explicit model load / unload is not allowed; it is switched on by --repository-api";

/** Triton's model repository extension on REST. A repository's name in the path is refused. */
export function mountRepository(app: Hono<Env>, ports: RepositoryPorts): void {
  const post = (
    path: string,
    answer: (c: Ctx, control: RepositoryControl) => Promise<Response>,
  ) => {
    app.post(path, async (c) => {
      try {
        if (ports.control !== undefined) return await answer(c, ports.control);
        throw new ServingError("forbidden", off);
      } catch (error) {
        await discardBody(c.env.incoming);
        throw error;
      }
    });
    app.all(path, (c) => {
      return methodNotAllowed(c, "POST", ports.log);
    });
  };
  post("/v2/repository/index", async (c, control) => {
    const { readyOnly } = decodeIndexRequest(await bodyOf(c, ports));
    return jsonReply(control.index(readyOnly).map(indexBody));
  });
  post("/v2/repository/models/:model/load", async (c, control) => {
    const name = c.req.param("model") ?? "";
    await control.load(name, loadRequest(await bodyOf(c, ports)));
    return jsonReply({ name, load: true });
  });
  post("/v2/repository/models/:model/unload", async (c, control) => {
    const name = c.req.param("model") ?? "";
    decodeLoadRequest(await bodyOf(c, ports));
    await control.unload(name);
    return jsonReply({ name, unload: true });
  });
  app.all("/v2/repository/:repository/*", () => {
    throw new ServingError("unsupported", "'repository_name' specification is not supported");
  });
}

function loadRequest(body: Buffer): LoadRequest {
  const { config, files } = decodeLoadRequest(body);
  if (files.size > 0 && config === undefined) {
    throw invalid("files in a load request need the parameter 'config'");
  }
  return { ...(config === undefined ? {} : { config }), files };
}

/** Versions are texts on the wire. */
function indexBody({ name, version, state, reason }: IndexEntry): object {
  return version === undefined ? { name } : { name, version: String(version), state, reason };
}

async function bodyOf(c: Ctx, { admission, requestBytesMax }: RepositoryPorts): Promise<Buffer> {
  const { incoming, outgoing } = c.env;
  const declared = declaredBytes(incoming, requestBytesMax);
  const permit = admission.acquire(declared ?? 0);
  outgoing.once("close", () => permit.release());
  return readBody(incoming, declared, requestBytesMax, permit);
}
