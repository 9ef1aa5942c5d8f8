import type { ClientHttp2Session } from "node:http2";
import { connect } from "node:net";
import { type Answer, answerOf, GrpcLane, openSession, RestLane } from "./lanes.ts";
import {
  checkIrisGrpc,
  checkIrisRest,
  grpcFrame,
  grpcRaw,
  irisBody,
  irisGrpc,
  irisRest,
  irisRows,
  restBinary,
  restJson,
} from "./requests.ts";

/** What a server meets in a day: good requests of each kind, bad ones, and clients that leave. */

interface Clients {
  readonly port: number;
  readonly rest: RestLane;
  readonly grpc: GrpcLane;
  readonly cancels: Cancels;
}

/** nghttp2 ends a session after a burst of 1,000 resets, refilled by 33 a second. */
const cancelsPerSession = 500;

/** A session for calls that are cancelled, replaced before the server has had enough of it. */
class Cancels {
  readonly #port: number;
  #session: ClientHttp2Session | undefined;
  #used = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async lane(): Promise<GrpcLane> {
    if (this.#used % cancelsPerSession === 0) {
      this.close();
      this.#session = undefined;
    }
    this.#used += 1;
    this.#session ??= await openSession(this.#port);
    return new GrpcLane(this.#session);
  }

  close(): void {
    this.#session?.close();
  }
}

/** One request; `at` is its number, from which what varies is taken. Throws on a wrong answer. */
type Act = (clients: Clients, at: number) => Promise<void>;

const binary = restBinary(irisRows(1));
/** Beyond the size at which JSON is read in slices. */
const largeJson = restJson("iris", irisBody(4_500));
const largeBinary = restBinary(irisRows(4_500));
const badJson = restJson("iris", '{"inputs": [{"name": "input-0", "datatype": "FP32",');
const unknownRest = restJson("nobody", irisBody(1));
const unknownGrpc = grpcRaw(irisRows(1, "nobody"));
const odd = { ...irisRows(1), shape: [2, 2] };
const wrongShape = restBinary(odd);
const wrongShapeGrpc = grpcRaw(odd);
const noMessage = grpcFrame(Buffer.from("no protobuf"));

const invalidArgument = 3;
const notFound = 5;

function expected(answer: Answer, status: number): Buffer {
  if (answer.status === status) return answer.body;
  throw new Error(`expected status ${status}, got ${answer.status}: ${answer.body}`);
}

function viaRest(request: Buffer, status: number, check?: (body: Buffer) => void): Act {
  return async ({ rest }) => {
    const body = expected(await answerOf(rest, request), status);
    check?.(body);
  };
}

function viaGrpc(request: Buffer, status: number, check?: (body: Buffer) => void): Act {
  return async ({ grpc }) => {
    const body = expected(await answerOf(grpc, request), status);
    check?.(body);
  };
}

/** Leaves in the middle of the body, right after it, or while the model runs. */
const restCancel: Act = ({ port }, at) =>
  new Promise((resolve) => {
    const request = at % 8 === 7 ? largeJson : irisRest;
    const sent = at % 3 === 0 ? request.subarray(0, request.length - 20) : request;
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    // A reset leaves no port in TIME_WAIT, of which a long run would use up all; some end by FIN.
    const leave = () => (at % 4 === 0 ? socket.destroy() : socket.resetAndDestroy());
    socket.on("connect", () => {
      socket.write(sent, () => setTimeout(leave, at % 3));
    });
  });

const grpcCancel: Act = async ({ cancels }, at) => {
  const lane = await cancels.lane();
  await new Promise<void>((resolve) => {
    const cancel = lane.begin(irisGrpc, () => resolve());
    if (at % 2 === 0) setImmediate(cancel);
    else setTimeout(cancel, 1);
  });
};

const restGood = viaRest(irisRest, 200, checkIrisRest);
const binaryGood = viaRest(binary, 200);
const grpcGood = viaGrpc(irisGrpc, 0, checkIrisGrpc);

/** Taken in turn; the good ones also by weight. */
const acts: readonly Act[] = [
  ...Array<Act>(9).fill(restGood),
  ...Array<Act>(6).fill(binaryGood),
  ...Array<Act>(8).fill(grpcGood),
  viaRest(badJson, 400),
  viaRest(unknownRest, 404),
  viaRest(wrongShape, 400),
  viaGrpc(wrongShapeGrpc, invalidArgument),
  viaGrpc(unknownGrpc, notFound),
  restCancel,
  grpcCancel,
  grpcCancel,
];
const rare: readonly Act[] = [
  viaRest(largeJson, 200, checkIrisRest),
  viaRest(largeBinary, 200),
  // grpc-js ends a call that it cannot read with INTERNAL; thaw's own codec with INVALID_ARGUMENT.
  async ({ grpc }) => {
    const { status } = await answerOf(grpc, noMessage);
    if (status === 0) throw new Error("bytes that are no message were answered");
  },
];
const rareEvery = 256;

function actAt(at: number): Act {
  const turn = Math.floor(at / rareEvery);
  const act = at % rareEvery === 0 ? rare[turn % rare.length] : acts[at % acts.length];
  return act ?? restGood;
}

const clientsAtATime = 16;
const sessionCount = 2;

/** Sends `requests` of them, 16 at a time; calls `look` after every `lookEvery`. */
export async function sendMix(
  port: number,
  requests: number,
  lookEvery: number,
  look: (sent: number) => void,
): Promise<void> {
  const sessions: ClientHttp2Session[] = [];
  while (sessions.length < sessionCount) sessions.push(await openSession(port));
  let at = 0;
  const client = async (session: ClientHttp2Session) => {
    const cancels = new Cancels(port);
    const clients = { port, rest: new RestLane(port), grpc: new GrpcLane(session), cancels };
    while (at < requests) {
      at += 1;
      const mine = at;
      await actAt(mine)(clients, mine);
      if (mine % lookEvery === 0) look(mine);
    }
    clients.rest.close();
    cancels.close();
  };
  const all = Array.from({ length: clientsAtATime }, (_, number) => {
    const session = sessions[number % sessionCount];
    return session === undefined ? Promise.resolve() : client(session);
  });
  await Promise.all(all);
  for (const session of sessions) session.destroy();
}
