import type { ClientHttp2Session } from "node:http2";
import { answerOf, type Lane, openSession } from "./lanes.ts";
import type { Until } from "./loops.ts";
import { closedLoop, type Flood, grpcLanes, openLoop, type Round, restLanes } from "./loops.ts";

/**
 * The load generator: a process of its own, so that it shares no event loop with the server or with
 * the benchmark, which tells it what to do over the channel between Node processes.
 */

export interface Target {
  readonly kind: "rest" | "grpc";
  readonly port: number;
  readonly clients: number;
  /** In base64. */
  readonly request: string;
}

export type Order =
  | { readonly act: "open"; readonly target: Target }
  | { readonly act: "run"; readonly at: number; readonly until: Until }
  | {
      readonly act: "flood";
      readonly at: number;
      readonly perSecond: number;
      readonly ms: number;
    };

export interface Opened {
  readonly at: number;
  readonly status: number;
  /** The first answer, in base64. */
  readonly body: string;
}

interface OpenTarget {
  readonly lanes: readonly Lane[];
  readonly request: Buffer;
}

/** As a proxy has it: some connections, shared by many clients. */
const clientsPerSession = 32;
const sessionsMax = 8;

const targets: OpenTarget[] = [];

async function open({ kind, port, clients, request: base64 }: Target): Promise<Opened> {
  const request = Buffer.from(base64, "base64");
  const lanes = kind === "rest" ? restLanes(port, clients) : await overSessions(port, clients);
  const [first] = lanes;
  if (first === undefined) throw new Error("a target needs a client");
  const { status, body } = await answerOf(first, request);
  const at = targets.push({ lanes, request }) - 1;
  return { at, status, body: body.toString("base64") };
}

async function overSessions(port: number, clients: number): Promise<Lane[]> {
  const count = Math.min(sessionsMax, Math.ceil(clients / clientsPerSession));
  const opening: Promise<ClientHttp2Session>[] = Array.from({ length: count }, () =>
    openSession(port),
  );
  return grpcLanes(await Promise.all(opening), clients);
}

function targetAt(at: number): OpenTarget {
  const target = targets[at];
  if (target === undefined) throw new Error(`no target ${at}`);
  return target;
}

function obey(order: Order): Promise<Opened | Round | Flood> {
  if (order.act === "open") return open(order.target);
  const { lanes, request } = targetAt(order.at);
  if (order.act === "run") return closedLoop(lanes, request, order.until);
  return openLoop(lanes, request, order.perSecond, order.ms);
}

process.on("message", async (order: Order) => {
  process.send?.(await obey(order));
});
process.on("disconnect", () => process.exit());
