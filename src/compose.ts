import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { budgetOf, composeSupply, type Supply } from "./compose-models.ts";
import { conversionFile, programVersion, protoFolder, workerFile } from "./config/program.ts";
import type { ServeConfig, Settings } from "./config/settings.ts";
import { systemClock } from "./domain/clock.ts";
import {
  bodyBytesPerMsMin,
  bodyMsBase,
  connectionCheckMs,
  connectionsMax,
  converterHeapMiBMax,
  frameBytesMin,
  framesBase,
  headersMsMax,
  MiB,
  memorySampleMs,
  prefaceMsMax,
  queueBytesMax,
  queueEntriesMax,
  runCheckMs,
  runMsMax,
  stalledReaderMsMax,
  workerHeapMiBMax,
} from "./domain/limits.ts";
import type { Log, Metrics } from "./domain/ports.ts";
import type { GrpcEdge } from "./grpc/server.ts";
import type { GrpcPorts } from "./grpc/service.ts";
import type { HttpEdge } from "./http/server.ts";
import { ServerHealth } from "./models/health.ts";
import { Repository } from "./models/repository.ts";
import type { TabularHabits } from "./models/signature.ts";
import type { Port } from "./net/port.ts";
import type { Streams } from "./net/streams.ts";
import { Converter } from "./runtime/converter.ts";
import { type ExecutorOptions, PiscinaExecutor } from "./runtime/executor.ts";
import type { Pool } from "./runtime/pool.ts";
import { AdmissionGate } from "./serving/admission.ts";
import { Batcher } from "./serving/batcher.ts";
import { ServingDataplane } from "./serving/dataplane.ts";
import { type Pressure, pressureOf } from "./serving/pressure.ts";
import type { Stoppable } from "./shutdown.ts";
import { Sources } from "./storage/storage.ts";
import { limitBytes, residentBytes } from "./telemetry/memory.ts";
import type { MetricSources } from "./telemetry/metrics.ts";
import { startProfile } from "./telemetry/start-profile.ts";

/** The server's object graph. The only file that sees every layer. */
export interface Server extends Stoppable {
  /** Loads the named models, then opens the port. Rejects with LoadError or Node's own. */
  start(sources: readonly string[]): Promise<void>;
}

/** The first requests after a start have the CPU before further workers and gRPC are made. */
const settleMs = 250;
/** How long a start waits for the list of its models before it goes on with other things. */
const planMsMax = 15;
const awakeMs = 60_000;

/** `firstPool`: the first worker's, which boots already. */
export function composeServer(config: ServeConfig, log: Log, firstPool?: Pool): Server {
  const { settings } = config;
  const executor = executorOf(settings, {
    log,
    ...(firstPool === undefined ? {} : { firstPool }),
    onRefillFailed: (generation, reason) => repository.lost(generation, reason),
  });
  const repository: Repository = new Repository({
    clock: systemClock,
    executor,
    log,
    onChange: () => health.refresh(),
    residentBytes,
    budgetBytes: budgetOf(settings),
    slots: () => executor.openSlots,
    forget: (generation) => batcher.forget(generation),
    pressing: () => batcher.queued > 0,
    habits: habitsOf(settings),
  });
  const health = new ServerHealth(() => repository.allReady());
  const admission = new AdmissionGate({ entriesMax: queueEntriesMax, bytesMax: queueBytesMax });
  const merging = settings.batching === "auto";
  const batcher: Batcher = new Batcher({ clock: systemClock, executor, log, merging });
  const dataplane = new ServingDataplane({ clock: systemClock, models: repository, batcher });
  const storage = new Sources({ ...settings, env: process.env, log });
  const supply = composeSupply({ repository, storage, settings, log });
  const phasesMs = new Map([
    ["process", performance.nodeTiming.bootstrapComplete],
    ["modules", systemClock.nowMs()],
  ]);
  const metrics = lazyMetrics({
    admission,
    executor,
    models: repository,
    phasesMs,
    queue: batcher,
    repository,
    storage,
    budgetBytes: budgetOf(settings) ?? 0,
    statistics: batcher.statistics,
  });
  const ports = {
    admission,
    clock: systemClock,
    dataplane,
    control: supply.control,
    health,
    log,
    metrics,
    models: repository,
    statistics: batcher.statistics,
  };
  const parts = { admission, config, executor, health, merging, phasesMs, repository, supply };
  const server: Server = {
    health,
    admission,
    executor,
    storage: {
      close: async () => {
        await supply.end();
        await storage.close();
      },
    },
    edges: undefined,
    start: (sources) => start(server, sources, { ...parts, ports }),
  };
  return server;
}

interface StartParts {
  readonly admission: AdmissionGate;
  readonly health: ServerHealth;
  readonly config: ServeConfig;
  readonly executor: PiscinaExecutor;
  readonly merging: boolean;
  readonly phasesMs: Map<string, number>;
  readonly ports: InnerPorts;
  readonly repository: Repository;
  readonly supply: Supply;
}

async function start(server: Server, sources: readonly string[], parts: StartParts): Promise<void> {
  const { admission, executor, health, merging, phasesMs, ports, repository, supply } = parts;
  const { settings, given } = parts.config;
  const { log } = ports;
  // A load that is tried again later may be all that there is to wait for.
  const awake = setInterval(() => {}, awakeMs);
  const loads = supply.start(sources).finally(() => clearInterval(awake));
  // Until somebody waits for them.
  loads.catch(() => {});
  // A load that is asked for now goes to the worker as soon as that has booted; what follows keeps
  // this thread busy for longer. Sources that are elsewhere take their time.
  await Promise.race([supply.planned, sleep(planMsMax)]);
  await import("./runtime/ort.ts");
  const [edges] = await Promise.all([
    createEdges(ports, settings, portNumbers(settings, given)),
    loads,
  ]);
  if (health.draining) return;
  phasesMs.set("models_loaded", systemClock.nowMs());
  await edges.port.open();
  phasesMs.set("port_open", systemClock.nowMs());
  server.edges = edges;
  // A signal that came while the port opened found nothing to close.
  if (health.draining) {
    await edges.port.refuse();
    return edges.port.close();
  }
  health.refresh();
  systemClock.after(settleMs, () => settle({ executor, supply, edges, repository, merging }));
  guard({ admission, edges, executor, health, log });
  const profile = settings.profileStart ? startProfile(phasesMs, repository.loads) : undefined;
  if (profile !== undefined) log.write("info", "start profile", profile);
  log.write("info", "serving", { ports: edges.port.numbers(), models: repository.names() });
}

function executorOf(
  { workers, threads, cacheFolder }: Settings,
  own: Pick<ExecutorOptions, "firstPool" | "log" | "onRefillFailed">,
): PiscinaExecutor {
  const memory = limitBytes();
  // Half of the container's memory: the other half is what it was given for.
  const heapMiBMax = memory > 0 ? Math.floor(memory / 2 / MiB) : converterHeapMiBMax;
  const converter = new Converter({
    conversionFile,
    folder: cacheFolder,
    heapMiBMax: Math.min(heapMiBMax, converterHeapMiBMax),
    log: own.log,
  });
  return new PiscinaExecutor({
    slots: workers ?? availableParallelism(),
    threads,
    folder: cacheFolder,
    workerFile,
    heapMiBMax: workerHeapMiBMax,
    converter,
    ...own,
  });
}

function habitsOf({ tabular, predictProba }: Settings): TabularHabits {
  return { tabular, ...(predictProba ? { predict: "proba" } : {}) };
}

interface Settled {
  readonly executor: PiscinaExecutor;
  readonly supply: Supply;
  readonly edges: Edges;
  readonly repository: Repository;
  readonly merging: boolean;
}

/** What the first answer could do without. */
function settle({ executor, supply, edges, repository, merging }: Settled): void {
  executor.grow();
  void edges.openGrpc();
  supply.follow();
  if (merging) void repository.judge();
}

/** What makes the page is imported when somebody first asks for it. */
function lazyMetrics(sources: MetricSources): Metrics {
  let metrics: Promise<Metrics> | undefined;
  return {
    read: async () => {
      metrics ??= import("./telemetry/metrics.ts").then(({ createMetrics }) =>
        createMetrics(sources),
      );
      return (await metrics).read();
    },
  };
}

interface Guarded {
  readonly admission: AdmissionGate;
  readonly edges: Edges;
  readonly executor: PiscinaExecutor;
  readonly health: ServerHealth;
  readonly log: Log;
}

/** Watches memory, and for runs that do not end, until the process does. */
function guard({ admission, edges, executor, health, log }: Guarded): void {
  const limit = limitBytes();
  let last: Pressure = "none";
  const sample = () => {
    const pressure = pressureOf(residentBytes(), limit);
    admission.refuse(pressure !== "none");
    edges.port.accept(pressure !== "close");
    if (pressure === "shed" || pressure === "close") edges.shed();
    if (pressure !== last) log.write("warn", "memory pressure", { pressure, limit });
    last = pressure;
  };
  if (limit > 0) setInterval(sample, memorySampleMs).unref();
  const look = () => {
    const ms = executor.longestRunMs();
    if (ms <= runMsMax || !health.live()) return;
    health.stick();
    log.write("error", "a run does not end; the server is not live", { ms });
  };
  setInterval(look, runCheckMs).unref();
}

type EdgePorts = Parameters<typeof import("./http/server.ts")["createHttpEdge"]>[0];

/**
 * The REST edge and the port. HTTP/2, and gRPC with it, is imported when a client first speaks it,
 * or when the server has been up for a moment: it costs half a bare start of Node.
 */
/** What the edges are given beside their settings. */
type InnerPorts = Omit<EdgePorts, "events" | "requestBytesMax" | "version">;

async function createEdges(
  inner: InnerPorts,
  settings: Settings,
  numbers: readonly number[],
): Promise<Edges> {
  const [{ createHttpEdge }, { Port }] = await Promise.all([
    import("./http/server.ts"),
    import("./net/port.ts"),
  ]);
  const { requestBytesMax } = settings;
  const events = {
    type: settings.eventType,
    source: settings.eventSource,
    merge: settings.eventMerge,
  };
  const version = programVersion();
  const { http1, listener } = createHttpEdge({ ...inner, events, requestBytesMax, version });
  let grpc: Promise<SharedGrpc> | undefined;
  const openGrpc = () => {
    grpc ??= createGrpc({ ...inner, protoFolder, version }, requestBytesMax, listener);
    return grpc;
  };
  const port = new Port({
    host: settings.host,
    ports: numbers,
    http1,
    http2: async () => (await openGrpc()).http2,
    limits: {
      connectionsMax,
      prefaceMsMax,
      headersMsMax,
      stalledReaderMsMax,
      checkMs: connectionCheckMs,
    },
  });
  const shed = () => {
    port.shed();
    void grpc?.then(({ streams }) => streams.shed());
  };
  return { port, openGrpc, shed, closeGrpc: async () => (await grpc)?.close() };
}

interface Edges {
  readonly port: Port;
  readonly openGrpc: () => Promise<SharedGrpc>;
  /** Ends the requests that hold the most memory, one of each version of HTTP. */
  readonly shed: () => void;
  readonly closeGrpc: () => Promise<void>;
}

interface SharedGrpc extends GrpcEdge {
  readonly streams: Streams;
}

async function createGrpc(
  ports: GrpcPorts,
  requestBytesMax: number,
  rest: HttpEdge["listener"],
): Promise<SharedGrpc> {
  const [{ createGrpcEdge }, { refusalByHeaders }, { Streams }] = await Promise.all([
    import("./grpc/server.ts"),
    import("./grpc/refusal.ts"),
    import("./net/streams.ts"),
  ]);
  const edge = createGrpcEdge(ports, requestBytesMax);
  const streams = new Streams({
    framesBase,
    frameBytesMin,
    bodyMsBase,
    bodyBytesPerMsMin,
    stalledReaderMsMax,
    checkMs: connectionCheckMs,
  });
  const { admission, log } = ports;
  streams.share(edge.http2, rest, (headers) => refusalByHeaders(headers, admission, log));
  return { ...edge, streams };
}

/** The port, and those that KServe's spellings name; the default only where none is given. */
function portNumbers(
  { port, httpPort, grpcPort, metricsPort }: Settings,
  given: ServeConfig["given"],
): number[] {
  const named = [httpPort, grpcPort, metricsPort].filter((number) => number !== undefined);
  const all = named.length > 0 && !given.has("port") ? named : [port, ...named];
  // 0 is any port, each time another.
  return all.filter((number, at) => number === 0 || all.indexOf(number) === at);
}
