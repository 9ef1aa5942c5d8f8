import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";

const host = "127.0.0.1";
const path = "/v2/models/iris/infer";
const irisLabel = 1;

const body = JSON.stringify({
  inputs: [{ name: "input-0", shape: [1, 4], datatype: "FP32", data: [6.8, 2.8, 4.8, 1.4] }],
});
const request = [
  `POST ${path} HTTP/1.1`,
  `Host: ${host}`,
  "Content-Type: application/json",
  `Content-Length: ${body.length}`,
  "",
  body,
].join("\r\n");

function check(answer: string): void {
  const label: unknown = JSON.parse(answer).outputs[0].data[0];
  if (label !== irisLabel) throw new Error(`expected label ${irisLabel}, got ${answer}`);
}

/** Whether the port answered; throws when it answered wrongly. */
export function answers(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect(port, host);
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => resolve(false));
  socket.on("close", () => resolve(false));
  socket.on("data", (piece) => {
    text += piece;
    const [head = "", answer = ""] = text.split("\r\n\r\n");
    const length = /^content-length: (\d+)/im.exec(head)?.[1];
    if (length === undefined || Buffer.byteLength(answer) < Number(length)) return;
    socket.destroy();
    try {
      if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`unexpected answer ${text}`);
      check(answer);
      resolve(true);
    } catch (error) {
      reject(error);
    }
  });
  socket.write(request);
  return promise;
}

/** One exchange over HTTP/2 without TLS, as Knative's queue-proxy speaks it. */
function exchange(
  port: number,
  headers: Readonly<Record<string, string>>,
  sent: string | Buffer,
): Promise<{ headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders; answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    headers: IncomingHttpHeaders;
    trailers: IncomingHttpHeaders;
    answer: string;
  }>();
  const session = connectHttp2(`http://${host}:${port}`);
  session.on("error", reject);
  const stream = session.request({ ":method": "POST", ...headers });
  let got: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let answer = "";
  stream.setEncoding("utf8");
  stream.setTimeout(10_000, () => stream.destroy(new Error("no answer over HTTP/2 in 10 s")));
  stream.on("error", reject);
  stream.on("response", (received) => {
    got = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (piece) => {
    answer += piece;
  });
  stream.on("end", () => {
    session.close();
    resolve({ headers: got, trailers, answer });
  });
  stream.end(sent);
  return promise;
}

/** V2 REST over h2c; throws when the answer is not the right one. */
export async function checkRestOverHttp2(port: number): Promise<void> {
  const headers = { ":path": path, "content-type": "application/json" };
  const { headers: got, answer } = await exchange(port, headers, body);
  if (String(got[":status"]) !== "200")
    throw new Error(`REST over h2c answered ${got[":status"]}: ${answer}`);
  check(answer);
}

/** gRPC's ServerReady: an empty message there, `ready` (field 1, true) back. */
export async function checkGrpc(port: number): Promise<void> {
  const headers = {
    ":path": "/inference.GRPCInferenceService/ServerReady",
    "content-type": "application/grpc",
    te: "trailers",
  };
  const { headers: got, trailers, answer } = await exchange(port, headers, Buffer.alloc(5));
  const status = trailers["grpc-status"] ?? got["grpc-status"];
  if (status !== "0") throw new Error(`gRPC ServerReady ended with status ${status}`);
  if (answer.slice(-2) !== "\x08\x01") throw new Error("gRPC ServerReady says not ready");
}

/** Sends `total` requests over `connections` of them; resolves with the requests per second. */
export async function load(port: number, total: number, connections: number): Promise<number> {
  const start = performance.now();
  let left = total;
  const lane = () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(port, host);
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    const send = () => {
      if (left === 0) {
        socket.end();
        resolve();
        return;
      }
      left -= 1;
      socket.write(request);
    };
    let text = "";
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("a connection was closed under load")));
    socket.on("data", (piece) => {
      text += piece;
      const head = text.indexOf("\r\n\r\n");
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1]);
      if (head < 0 || text.length < head + 4 + length) return;
      if (!text.startsWith("HTTP/1.1 200 ")) reject(new Error(`under load: ${text}`));
      text = "";
      send();
    });
    return promise;
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return total / ((performance.now() - start) / 1_000);
}
