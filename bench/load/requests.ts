import { ProtoReader, ProtoWriter } from "../../src/wire/protobuf.ts";

/** Requests as the bytes that go over the wire, and what their answers must say. */

const infer = (model: string) => `/v2/models/${model}/infer`;

function post(path: string, headers: readonly string[], body: Uint8Array): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: localhost",
    "Content-Type: application/json",
    ...headers,
    `Content-Length: ${body.length}`,
    "\r\n",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(head), body]);
}

/** A JSON body as it stands, well-formed or not. */
export function restJson(model: string, body: string): Buffer {
  return post(infer(model), [], Buffer.from(body));
}

/** A body of V1. */
export function predictJson(model: string, body: string): Buffer {
  return post(`/v1/models/${model}:predict`, [], Buffer.from(body));
}

export interface Rows {
  readonly model: string;
  readonly input: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The tensor behind the JSON, and the answer's too (the binary tensor data extension). */
export function restBinary({ model, input, shape, values }: Rows): Buffer {
  const tensor = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const parameters = { binary_data_size: tensor.length };
  const inputs = [{ name: input, datatype: "FP32", shape, parameters }];
  const json = JSON.stringify({ inputs, parameters: { binary_data_output: true } });
  const headers = [`Inference-Header-Content-Length: ${json.length}`];
  return post(infer(model), headers, Buffer.concat([Buffer.from(json), tensor]));
}

/** A ModelInferRequest with raw contents, behind gRPC's five bytes: no compression, length. */
export function grpcRaw({ model, input, shape, values }: Rows): Buffer {
  const tensor = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const message = new ProtoWriter()
    .string(1, model)
    .message(5, (spec) => {
      spec.string(1, input).string(2, "FP32");
      for (const dim of shape) spec.int64(3, dim);
    })
    .bytes(7, tensor)
    .finish();
  return grpcFrame(message);
}

export function grpcFrame(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

const flower = [6.8, 2.8, 4.8, 1.4];
/** Fisher's second species, Iris versicolor. */
const flowerLabel = 1;

export function irisRows(rows: number, model = "iris"): Rows {
  const values = Float32Array.from({ length: rows * 4 }, (_, at) => flower[at % 4] ?? 0);
  return { model, input: "input-0", shape: [rows, 4], values };
}

export function irisBody(rows: number): string {
  const numbers = Array.from({ length: rows * 4 }, (_, at) => flower[at % 4]);
  const input = { name: "input-0", datatype: "FP32", shape: [rows, 4], data: numbers };
  return JSON.stringify({ inputs: [input] });
}

export const irisRest = restJson("iris", irisBody(1));
export const irisGrpc = grpcRaw(irisRows(1));

/** Throws unless a REST answer in JSON names the flower. */
export function checkIrisRest(body: Buffer): void {
  const label: unknown = JSON.parse(body.toString()).outputs[0].data[0];
  if (label !== flowerLabel) throw new Error(`expected label ${flowerLabel}, got ${body}`);
}

/** Throws unless a ModelInferResponse names the flower: INT64 in its first raw contents. */
export function checkIrisGrpc(frame: Buffer): void {
  const reader = new ProtoReader(frame.subarray(5));
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 !== 6) reader.skip(tag & 7);
    else if (reader.bytes().readBigInt64LE() === BigInt(flowerLabel)) return;
    else break;
  }
  throw new Error(`expected label ${flowerLabel}, got ${frame.toString("hex")}`);
}
