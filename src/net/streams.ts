import {
  constants,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";

export interface StreamLimits {
  /** DATA frames of a stream: a base, and one more for each so many bytes. */
  readonly framesBase: number;
  readonly frameBytesMin: number;
  /** Time for a request's body: a base, and more for what has come, at a rate. */
  readonly bodyMsBase: number;
  readonly bodyBytesPerMsMin: number;
  /** Until a reader that takes nothing of its answer is let go. */
  readonly stalledReaderMsMax: number;
  readonly checkMs: number;
}

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
type Refuse = (headers: IncomingHttpHeaders) => OutgoingHttpHeaders | undefined;
type RequestListener = (request: Http2ServerRequest, reply: Http2ServerResponse) => void;

interface Watched {
  readonly startMs: number;
  frames: number;
  bytes: number;
  /** What waited to be taken when that last changed, and when. */
  bytesQueued: number;
  takenAtMs: number;
}

/**
 * Lets one HTTP/2 server answer gRPC and REST: each stream goes by its content type to the
 * listener that the gRPC library has put on the server, or to `rest`. Every stream is watched: its
 * DATA frames are counted, since a library pays for each of them, however small (280 bytes of
 * memory for one byte in grpc-js 1.14.7), and one timer ends those that do not get on.
 */
export class Streams {
  readonly #limits: StreamLimits;
  readonly #open = new Map<ServerHttp2Stream, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** `refuse` may answer a gRPC call by its headers: no library then hears of it. */
  share(http2: Http2Server, rest: RequestListener, refuse: Refuse = () => undefined): void {
    const grpc = takeStreamListeners(http2);
    // Node turns streams into requests by a listener of its own, put there with the first
    // "request".
    http2.on("request", rest);
    const compat = takeStreamListeners(http2);
    const share = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more: unknown[]) => {
      // Every error of a stream comes with its end, which those who wait for it notice.
      stream.on("error", () => {});
      // A client can open a stream and reset it in one breath. grpc-js (1.14.7) answers such a
      // stream nevertheless when it does not know the method, which throws.
      if (stream.destroyed || stream.closed) return;
      const isGrpc = headers["content-type"]?.startsWith("application/grpc") === true;
      const refusal = isGrpc ? refuse(headers) : undefined;
      if (refusal !== undefined) {
        stream.respond(refusal, { endStream: true });
        stream.close(constants.NGHTTP2_NO_ERROR);
        return;
      }
      this.#watch(stream);
      const listeners = isGrpc ? grpc : compat;
      try {
        for (const listener of listeners) {
          Reflect.apply(listener, http2, [stream, headers, ...more]);
        }
      } catch (error) {
        // Whatever a listener trips over in a stream costs that stream alone.
        stream.destroy(error instanceof Error ? error : undefined);
      }
    };
    http2.on("stream", share);
  }

  /** Ends the stream whose request has brought the most bytes without being complete. */
  shed(): void {
    let largest: ServerHttp2Stream | undefined;
    let bytes = -1;
    for (const [stream, watched] of this.#open) {
      if (stream.readableEnded || watched.bytes <= bytes) continue;
      largest = stream;
      bytes = watched.bytes;
    }
    largest?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #watch(stream: ServerHttp2Stream): void {
    const now = performance.now();
    const watched = { startMs: now, frames: 0, bytes: 0, bytesQueued: 0, takenAtMs: now };
    this.#open.set(stream, watched);
    stream.once("close", () => this.#open.delete(stream));
    this.#timer ??= setInterval(() => this.#check(), this.#limits.checkMs).unref();
    // Node pushes once for each DATA frame. A "data" listener would take the flow of the stream out
    // of the hands of the library that reads it.
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (Buffer.isBuffer(chunk)) this.#count(stream, watched, chunk.length);
      return push(chunk, encoding);
    };
  }

  #count(stream: ServerHttp2Stream, watched: Watched, bytes: number): void {
    watched.frames += 1;
    watched.bytes += bytes;
    const { framesBase, frameBytesMin } = this.#limits;
    if (watched.frames <= framesBase + watched.bytes / frameBytesMin) return;
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #check(): void {
    const now = performance.now();
    for (const [stream, watched] of this.#open) {
      if (this.#tooSlow(stream, watched, now)) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tooSlow(stream: ServerHttp2Stream, watched: Watched, now: number): boolean {
    const { bodyMsBase, bodyBytesPerMsMin, stalledReaderMsMax } = this.#limits;
    const queued = stream.writableLength;
    if (queued === 0 || queued !== watched.bytesQueued) {
      watched.bytesQueued = queued;
      watched.takenAtMs = now;
    }
    if (now - watched.takenAtMs >= stalledReaderMsMax) return true;
    // A stream whose answer has begun may live long: it is a conversation.
    if (stream.endAfterHeaders || stream.readableEnded || stream.headersSent) return false;
    return now - watched.startMs > bodyMsBase + watched.bytes / bodyBytesPerMsMin;
  }
}

function takeStreamListeners(http2: Http2Server): StreamListener[] {
  // What listens to "stream" has this type; Node's own type of listeners says nothing.
  const listeners = http2.listeners("stream") as StreamListener[];
  http2.removeAllListeners("stream");
  return listeners;
}
