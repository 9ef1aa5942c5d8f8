import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";

/**
 * The cheapest clients that Node can have: a lane sends bytes that were made before, and reads no
 * more of an answer than where it ends and how it went. One request at a time.
 */

export interface Answer {
  /** Of HTTP for REST, of gRPC for gRPC; -1 where the connection was lost. */
  readonly status: number;
  readonly body: Buffer;
}

export interface Lane {
  send(request: Buffer, done: (answer: Answer) => void): void;
  close(): void;
}

export const lost: Answer = { status: -1, body: Buffer.alloc(0) };
const host = "127.0.0.1";
const headEnd = "\r\n\r\n";

/** A connection of HTTP/1.1; a request is its bytes from the request line on. */
export class RestLane implements Lane {
  readonly #port: number;
  #socket: Socket | undefined;
  #received: Buffer | undefined;
  #done: ((answer: Answer) => void) | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  send(request: Buffer, done: (answer: Answer) => void): void {
    this.#done = done;
    this.#socket ??= this.#connect();
    this.#socket.write(request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect({ host, port: this.#port, noDelay: true });
    socket.on("data", (piece) => this.#take(piece, socket));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#drop(lost);
    });
    return socket;
  }

  #take(piece: Buffer, socket: Socket): void {
    const bytes = this.#received === undefined ? piece : Buffer.concat([this.#received, piece]);
    const end = bytes.indexOf(headEnd, 0, "latin1");
    const head = end < 0 ? "" : bytes.toString("latin1", 0, end).toLowerCase();
    const bodyStart = end + headEnd.length;
    const length = Number(/\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (end < 0 || bytes.length < bodyStart + length) {
      this.#received = bytes;
      return;
    }
    const body = bytes.subarray(bodyStart, bodyStart + length);
    const answer = { status: Number(head.slice(9, 12)), body };
    if (head.includes("\nconnection: close")) {
      this.#drop(answer);
      socket.destroy();
    } else this.#answer(answer);
  }

  #drop(answer: Answer): void {
    this.#socket = undefined;
    this.#answer(answer);
  }

  #answer(answer: Answer): void {
    const done = this.#done;
    this.#received = undefined;
    this.#done = undefined;
    done?.(answer);
  }
}

/** A connection of HTTP/2, shared by lanes. */
export function openSession(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${host}:${port}`);
    session.on("error", reject);
    session.on("remoteSettings", () => {
      // Beyond the 64 KiB that a connection starts with, so that no answer waits for credit.
      session.setLocalWindowSize(2 ** 24);
      resolve(session);
    });
  });
}

const grpcHeaders = {
  ":method": "POST",
  ":path": "/inference.GRPCInferenceService/ModelInfer",
  "content-type": "application/grpc",
  te: "trailers",
};

/** A unary call of ModelInfer on a raw stream; a request is a message behind its five bytes. */
export class GrpcLane implements Lane {
  readonly #session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  send(request: Buffer, done: (answer: Answer) => void): void {
    this.begin(request, done);
  }

  close(): void {}

  /** Sends it, and returns what cancels it. */
  begin(request: Buffer, done: (answer: Answer) => void): () => void {
    if (this.#session.destroyed || this.#session.closed) {
      setImmediate(done, lost);
      return () => {};
    }
    const stream = this.#session.request(grpcHeaders);
    let status = -1;
    let body: Buffer | undefined;
    // An answer without a message has its status in the headers.
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) status = Number(headers["grpc-status"]);
    });
    stream.on("data", (piece) => {
      body = body === undefined ? piece : Buffer.concat([body, piece]);
    });
    stream.on("trailers", (trailers) => {
      status = Number(trailers["grpc-status"]);
    });
    stream.on("error", () => {});
    stream.on("close", () => done({ status, body: body ?? lost.body }));
    stream.end(request);
    return () => stream.close(constants.NGHTTP2_CANCEL);
  }
}

export function answerOf(lane: Lane, request: Buffer): Promise<Answer> {
  return new Promise((resolve) => lane.send(request, resolve));
}
