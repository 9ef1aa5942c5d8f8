import { availableParallelism } from "node:os";
import { programVersion, protoFolder, workerFile } from "./config/program.ts";
import type { ServeConfig, Settings } from "./config/settings.ts";
import { systemClock } from "./domain/clock.ts";
import {
  connectionCheckMs,
  connectionsMax,
  headersMsMax,
  prefaceMsMax,
  queueBytesMax,
  queueEntriesMax,
  workerHeapMiBMax,
} from "./domain/limits.ts";
import type { Log } from "./domain/ports.ts";
import type { GrpcEdge } from "./grpc/server.ts";
import type { GrpcPorts } from "./grpc/service.ts";
import type { HttpEdge } from "./http/server.ts";
import { ServerHealth } from "./models/health.ts";
import { LoadError, Repository } from "./models/repository.ts";
import { parseSource, planFolder, planSource } from "./models/sources.ts";
import type { Port } from "./net/port.ts";
import { PiscinaExecutor } from "./runtime/executor.ts";
import { AdmissionGate } from "./serving/admission.ts";
import { Batcher } from "./serving/batcher.ts";
import { ServingDataplane } from "./serving/dataplane.ts";
import type { Stoppable } from "./shutdown.ts";
import { listFiles } from "./storage/file.ts";

/** The server's object graph. The only file that sees every layer. */
export interface Server extends Stoppable {
  /** Loads the named models, then opens the port. Rejects with LoadError or Node's own. */
  start(sources: readonly string[]): Promise<void>;
}

/** The folder whose models are served when no source is given. */
const modelsFolder = "models";

/** The first requests after a start have the CPU before further workers and gRPC are made. */
const settleMs = 250;

export function composeServer({ settings }: ServeConfig, log: Log): Server {
  const executor = new PiscinaExecutor({
    slots: settings.workers ?? availableParallelism(),
    threads: settings.threads,
    workerFile,
    heapMiBMax: workerHeapMiBMax,
    log,
    onRefillFailed: (generation, reason) => repository.lost(generation, reason),
  });
  const repository: Repository = new Repository({
    executor,
    log,
    onChange: () => health.refresh(),
  });
  const health = new ServerHealth(() => repository.allReady());
  const admission = new AdmissionGate({ entriesMax: queueEntriesMax, bytesMax: queueBytesMax });
  const merging = settings.batching === "auto";
  const batcher = new Batcher({ clock: systemClock, executor, log, merging });
  const dataplane = new ServingDataplane({ clock: systemClock, models: repository, batcher });
  const ports = { admission, clock: systemClock, dataplane, health, log, models: repository };
  const server: Server = {
    health,
    admission,
    executor,
    edges: undefined,
    start: async (sources) => {
      const plans = await planSources(sources, settings);
      const loads = Promise.all(plans.map((plan) => repository.load(plan)));
      // What follows is done while the worker boots and loads.
      await import("./runtime/ort.ts");
      const [edges] = await Promise.all([createEdges(ports, settings), loads]);
      if (health.draining) return;
      await edges.port.open();
      server.edges = edges;
      // A signal that came while the port opened found nothing to close.
      if (health.draining) return edges.port.close();
      health.refresh();
      systemClock.after(settleMs, () => {
        executor.grow();
        if (settings.batching === "auto") void repository.judge();
        void edges.openGrpc();
      });
      log.write("info", "serving", { ports: edges.port.numbers(), models: repository.names() });
    },
  };
  return server;
}

type EdgePorts = Parameters<typeof import("./http/server.ts")["createHttpEdge"]>[0];

/**
 * The REST edge and the port. HTTP/2, and gRPC with it, is imported when a client first speaks it,
 * or when the server has been up for a moment: it costs half a bare start of Node.
 */
async function createEdges(
  inner: Omit<EdgePorts, "requestBytesMax" | "version">,
  settings: Settings,
): Promise<Edges> {
  const [{ createHttpEdge }, { Port }] = await Promise.all([
    import("./http/server.ts"),
    import("./net/port.ts"),
  ]);
  const { requestBytesMax } = settings;
  const version = programVersion();
  const { http1, listener } = createHttpEdge({ ...inner, requestBytesMax, version });
  let grpc: Promise<GrpcEdge> | undefined;
  const openGrpc = () => {
    grpc ??= createGrpc({ ...inner, protoFolder, version }, requestBytesMax, listener);
    return grpc;
  };
  const port = new Port({
    host: settings.host,
    ports: portNumbers(settings),
    http1,
    http2: async () => (await openGrpc()).http2,
    limits: { connectionsMax, prefaceMsMax, headersMsMax, checkMs: connectionCheckMs },
  });
  return { port, openGrpc, closeGrpc: async () => (await grpc)?.close() };
}

interface Edges {
  readonly port: Port;
  readonly openGrpc: () => Promise<GrpcEdge>;
  readonly closeGrpc: () => Promise<void>;
}

async function createGrpc(
  ports: GrpcPorts,
  requestBytesMax: number,
  rest: HttpEdge["listener"],
): Promise<GrpcEdge> {
  const [{ createGrpcEdge }, { shareStreams }] = await Promise.all([
    import("./grpc/server.ts"),
    import("./net/streams.ts"),
  ]);
  const edge = createGrpcEdge(ports, requestBytesMax);
  shareStreams(edge.http2, rest);
  return edge;
}

/** The port, and those that KServe's spellings name; the default only where none is given. */
function portNumbers({ port, httpPort, grpcPort }: Settings): number[] {
  const extra = [httpPort, grpcPort].filter((number) => number !== undefined);
  return extra.length > 0 && port === 8080 ? extra : [port, ...extra];
}

async function planSources(sources: readonly string[], { modelName }: Settings) {
  if (sources.length === 0) {
    const plans = await planFolder(modelsFolder, listFiles).catch((error: unknown) => {
      if (error instanceof LoadError) return [];
      throw error;
    });
    if (plans.length > 0) return plans;
    throw new LoadError(
      "nothing to serve: give a model file or folder as SOURCE (thaw serve NAME=PATH), or put " +
        `models into ./${modelsFolder}`,
    );
  }
  const plans = await Promise.all(
    sources.map((text) => planSource(parseSource(text), modelName, listFiles)),
  );
  const names = plans.map(([first]) => first?.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return plans.flat();
  throw new LoadError(`two sources have the name '${twice}'; give each a name: NAME=PATH`);
}
