// Runs in a pod of thaw's image: `node -e "$(cat client.mjs)" HOST MODEL`. Asks the model over V1,
// V2 and gRPC through Knative, and prints one line of JSON: the labels, and how long the first took.
import { connect } from "node:http2";

const [host = "", model = ""] = process.argv.slice(1);
const rows = [
  [6.8, 2.8, 4.8, 1.4],
  [6.0, 3.4, 4.5, 1.6],
];
const post = async (path, body) => {
  const reply = await fetch(`http://${host}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return reply.json();
};
const start = performance.now();
const v1 = (await post(`/v1/models/${model}:predict`, { instances: rows })).predictions;
const firstMs = Math.round(performance.now() - start);
const input = { name: "x", datatype: "FP32", shape: [2, 4], data: rows };
const v2 = (await post(`/v2/models/${model}/infer`, { inputs: [input] })).outputs[0].data;
const grpc = await ready().catch((error) => String(error));
process.stdout.write(`${JSON.stringify({ v1, v2, grpc, firstMs })}\n`);

/** ModelReady over h2c, its message by hand: field 1, the model's name. */
function ready() {
  const name = Buffer.from(model);
  const message = Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const session = connect(`http://${host}`);
  return new Promise((resolve, reject) => {
    session.on("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelReady",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const pieces = [];
    call.on("data", (piece) => pieces.push(piece));
    call.on("error", reject);
    call.on("end", () => {
      session.close();
      // {"ready": true}: field 1, 1.
      resolve(Buffer.concat(pieces).subarray(5).toString("hex") === "0801");
    });
    call.end(frame);
  });
}
