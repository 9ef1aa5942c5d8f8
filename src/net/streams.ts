import type {
  Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
type RequestListener = (request: Http2ServerRequest, reply: Http2ServerResponse) => void;

/**
 * Lets one HTTP/2 server answer gRPC and REST: each stream goes by its content type to the
 * listener that the gRPC library has put on the server, or to `rest`.
 */
export function shareStreams(http2: Http2Server, rest: RequestListener): void {
  const grpc = takeStreamListeners(http2);
  // Node turns streams into requests by a listener of its own, put there with the first "request".
  http2.on("request", rest);
  const compat = takeStreamListeners(http2);
  const share = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more: unknown[]) => {
    const listeners = headers["content-type"]?.startsWith("application/grpc") ? grpc : compat;
    for (const listener of listeners) Reflect.apply(listener, http2, [stream, headers, ...more]);
  };
  http2.on("stream", share);
}

function takeStreamListeners(http2: Http2Server): StreamListener[] {
  // What listens to "stream" has this type; Node's own type of listeners says nothing.
  const listeners = http2.listeners("stream") as StreamListener[];
  http2.removeAllListeners("stream");
  return listeners;
}
