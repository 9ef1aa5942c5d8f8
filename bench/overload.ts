import { copyBundle } from "./load/bundle.ts";
import { type Clients, Generator } from "./load/generate.ts";
import { type Liveness, watchLiveness } from "./load/liveness.ts";
import type { Flood, Latencies } from "./load/loops.ts";
import { convRows, irisPath, saveConv } from "./load/models.ts";
import { grpcRaw, irisGrpc, irisRest } from "./load/requests.ts";
import { goalText } from "./load/rounds.ts";
import { startServer } from "./load/server.ts";

/**
 * Three times as many requests as can be answered, come what may: how many good answers remain, and
 * how soon the others are refused. Run as `node bench/overload.ts [seconds]`. The capacity is that
 * of a closed loop before and after, in the same run.
 */

const seconds = Number(process.argv[2] ?? 10);
const factor = 3;
const goal = 0.95;
const capacityMs = 2_000;
const capacityClients = 64;
const program = copyBundle();
const generator = new Generator();
const server = await startServer([
  program,
  "serve",
  `iris=${irisPath}`,
  `conv=${saveConv()}`,
  "--workers",
  "1",
  "--host",
  "127.0.0.1",
]);

interface Storm {
  readonly name: string;
  readonly kind: "rest" | "grpc";
  readonly request: Buffer;
  /** Requests that may be under way at a time: connections of REST, streams of gRPC. */
  readonly lanes: number;
}

async function open({ kind, request }: Storm, clients: number): Promise<Clients> {
  return generator.open({ kind, port: server.port, clients }, request);
}

async function storm(one: Storm): Promise<void> {
  const closed = await open(one, capacityClients);
  await closed.run({ ms: 1_000 });
  const before = await closed.run({ ms: capacityMs });
  const offered = before.perSecond * factor;
  const many = await open(one, one.lanes);
  const flooding = many.flood(offered, seconds * 1_000);
  const liveness = await watchLiveness(server.port, flooding);
  const flood = await flooding;
  const after = await closed.run({ ms: capacityMs });
  print(one, (before.perSecond + after.perSecond) / 2, flood, liveness);
}

function print({ name, kind, lanes }: Storm, capacity: number, flood: Flood, live: Liveness) {
  const { sentPerSecond, unsent, goodPerSecond, byStatus } = flood;
  const good = kind === "rest" ? "200" : "0";
  const what = kind === "rest" ? "connections" : "streams";
  const sent = (sentPerSecond / capacity).toFixed(1);
  console.log(`${name}, ${kind}, up to ${lanes} ${what}, ${sent} × capacity sent`);
  console.log(`  goodput ÷ capacity ${goalText(goodPerSecond / capacity, goal)}`);
  console.log(`  ${goodPerSecond.toFixed(0)}/s good of ${sentPerSecond.toFixed(0)}/s sent`);
  console.log(`  capacity ${capacity.toFixed(0)}/s; ${unsent} not sent for want of ${what}`);
  console.log(`  accepted    ${latenciesText(byStatus[good])}`);
  for (const [status, latencies] of Object.entries(byStatus)) {
    if (status !== good) console.log(`  status ${status.padStart(3)}  ${latenciesText(latencies)}`);
  }
  const { probes, failed, p99Ms, maxMs } = live;
  const times = `p99 ${p99Ms.toFixed(1)}, max ${maxMs.toFixed(1)} ms`;
  console.log(`  liveness    ${times}, ${failed} of ${probes} failed`);
}

function latenciesText(latencies: Latencies | undefined): string {
  if (latencies === undefined) return "none";
  const { count, p50Ms, p99Ms } = latencies;
  return `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms, ${count} of them`;
}

await storm({ name: "conv", kind: "grpc", request: grpcRaw(convRows), lanes: 4_000 });
await storm({ name: "iris", kind: "grpc", request: irisGrpc, lanes: 4_000 });
await storm({ name: "iris", kind: "rest", request: irisRest, lanes: 900 });
await server.stop();
generator.close();
