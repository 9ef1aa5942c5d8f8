import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { type Ended, run } from "./program.ts";
import type { Report } from "./report.ts";

/** Checks with grpcurl, which reads the project's own .proto files as any other client would. */

const protoFolder = join(import.meta.dirname, "../../proto");
const callMsMax = 30_000;
const inference = "inference.GRPCInferenceService";
const health = "grpc.health.v1.Health";

/** Exit codes of grpcurl for a status are 64 + its number. */
const invalidArgument = 64 + 3;
const deadlineExceeded = 64 + 4;
const notFound = 64 + 5;

interface Grpcurl {
  readonly program: string;
  readonly port: number;
}

export async function checkGrpcurl(report: Report, grpcurl: Grpcurl): Promise<void> {
  await checkServer(report, grpcurl);
  await checkTyped(report, grpcurl);
  await checkRefusals(report, grpcurl);
  await checkHealth(report, grpcurl);
  await checkReflection(report, grpcurl);
}

/** Without any .proto file. */
async function checkReflection(report: Report, { program, port }: Grpcurl): Promise<void> {
  const plain = (...words: readonly string[]) =>
    run(program, ["-plaintext", ...words], { timeoutMs: callMsMax });
  const address = `127.0.0.1:${port}`;
  await report.check("grpcurl: list by reflection", async () => {
    const { code, stdout, stderr } = await plain(address, "list");
    equal(code, 0, stderr);
    match(stdout, /inference\.GRPCInferenceService/);
    match(stdout, /grpc\.health\.v1\.Health/);
  });
  await report.check("grpcurl: describe and call by reflection", async () => {
    const described = await plain(address, "describe", `${inference}.ModelStreamInfer`);
    match(described.stdout, /stream \.inference\.ModelInferRequest/, described.stderr);
    const message = JSON.stringify({ name: "iris" });
    const called = await plain("-d", message, address, `${inference}/ModelReady`);
    equal(called.code, 0, called.stderr);
    deepEqual(JSON.parse(called.stdout), { ready: true });
  });
}

function call(
  { program, port }: Grpcurl,
  method: string,
  message: object = {},
  options: readonly string[] = [],
): Promise<Ended> {
  const proto = method.startsWith(health) ? "health.proto" : "open_inference_grpc.proto";
  const files = ["-import-path", protoFolder, "-proto", proto];
  const target = ["-d", JSON.stringify(message), `127.0.0.1:${port}`, method];
  return run(program, ["-plaintext", ...options, ...files, ...target], { timeoutMs: callMsMax });
}

/** The answer as grpcurl prints it: int64 as strings, bytes in base64, no default values. */
async function answer(grpcurl: Grpcurl, method: string, message: object = {}): Promise<unknown> {
  const { code, stdout, stderr } = await call(grpcurl, method, message);
  equal(code, 0, stderr);
  const value: unknown = JSON.parse(stdout);
  return value;
}

async function refused(
  grpcurl: Grpcurl,
  method: string,
  message: object,
  code: number,
  phrase: RegExp,
): Promise<void> {
  const ended = await call(grpcurl, method, message);
  equal(ended.code, code, ended.stderr);
  match(ended.stderr, phrase);
}

async function checkServer(report: Report, grpcurl: Grpcurl): Promise<void> {
  await report.check("grpcurl: ServerLive", async () => {
    deepEqual(await answer(grpcurl, `${inference}/ServerLive`), { live: true });
  });
  await report.check("grpcurl: ServerReady", async () => {
    deepEqual(await answer(grpcurl, `${inference}/ServerReady`), { ready: true });
  });
  await report.check("grpcurl: ModelReady", async () => {
    const message = { name: "offset", version: "1" };
    deepEqual(await answer(grpcurl, `${inference}/ModelReady`, message), { ready: true });
  });
  await report.check("grpcurl: ServerMetadata", async () => {
    const metadata = Object(await answer(grpcurl, `${inference}/ServerMetadata`));
    equal(metadata.name, "thaw");
    match(metadata.version, /^\d+\.\d+\.\d+/);
  });
  await report.check("grpcurl: ModelMetadata", async () => {
    const metadata = Object(await answer(grpcurl, `${inference}/ModelMetadata`, { name: "iris" }));
    const { name, versions, inputs, outputs } = metadata;
    deepEqual({ name, versions }, { name: "iris", versions: ["1"] });
    deepEqual(inputs, [{ name: "input-0", datatype: "FP32", shape: ["-1", "4"] }]);
    deepEqual(outputs, [
      { name: "label", datatype: "INT64", shape: ["-1"] },
      { name: "probabilities", datatype: "FP32", shape: ["-1", "3"] },
    ]);
  });
}

interface TypedCase {
  readonly datatype: string;
  readonly contents: Readonly<Record<string, readonly unknown[]>>;
  /** The same elements, little-endian. */
  readonly raw: Buffer;
}

function bytesOf(values: ArrayBufferView): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function lengthPrefixed(texts: readonly string[]): Buffer {
  const pieces = texts.flatMap((text) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(text));
    return [length, Buffer.from(text)];
  });
  return Buffer.concat(pieces);
}

const int64s = [-(2n ** 63n), 2n ** 63n - 1n];
const uint64s = [0n, 2n ** 64n - 1n];
const strings = ["kůň", "🙂"];

/** Two elements of each datatype that has a typed form; FP16 travels raw only. */
const typedCases: readonly TypedCase[] = [
  { datatype: "BOOL", contents: { bool_contents: [true, false] }, raw: Buffer.from([1, 0]) },
  { datatype: "INT8", contents: { int_contents: [-128, 127] }, raw: Buffer.from([0x80, 0x7f]) },
  {
    datatype: "INT16",
    contents: { int_contents: [-32_768, 32_767] },
    raw: bytesOf(new Int16Array([-32_768, 32_767])),
  },
  {
    datatype: "INT32",
    contents: { int_contents: [-(2 ** 31), 2 ** 31 - 1] },
    raw: bytesOf(new Int32Array([-(2 ** 31), 2 ** 31 - 1])),
  },
  {
    datatype: "INT64",
    contents: { int64_contents: int64s.map(String) },
    raw: bytesOf(new BigInt64Array(int64s)),
  },
  { datatype: "UINT8", contents: { uint_contents: [0, 255] }, raw: Buffer.from([0, 255]) },
  {
    datatype: "UINT16",
    contents: { uint_contents: [0, 65_535] },
    raw: bytesOf(new Uint16Array([0, 65_535])),
  },
  {
    datatype: "UINT32",
    contents: { uint_contents: [0, 2 ** 32 - 1] },
    raw: bytesOf(new Uint32Array([0, 2 ** 32 - 1])),
  },
  {
    datatype: "UINT64",
    contents: { uint64_contents: uint64s.map(String) },
    raw: bytesOf(new BigUint64Array(uint64s)),
  },
  {
    datatype: "FP32",
    contents: { fp32_contents: [0.1, -2.5] },
    raw: bytesOf(new Float32Array([0.1, -2.5])),
  },
  {
    datatype: "FP64",
    contents: { fp64_contents: [0.1, -2.5] },
    raw: bytesOf(new Float64Array([0.1, -2.5])),
  },
  {
    datatype: "BYTES",
    contents: { bytes_contents: strings.map(base64) },
    raw: lengthPrefixed(strings),
  },
];

function request(model: string, name: string, datatype: string, shape: number[], rest: object) {
  return { model_name: model, inputs: [{ name, datatype, shape, ...rest }] };
}

async function checkTyped(report: Report, grpcurl: Grpcurl): Promise<void> {
  for (const { datatype, contents, raw } of typedCases) {
    await report.check(`grpcurl: ModelInfer of ${datatype}, typed contents`, async () => {
      const model = `identity_${datatype.toLowerCase()}`;
      const message = { ...request(model, "x", datatype, [1, 2], { contents }), id: "a1" };
      const response = Object(await answer(grpcurl, `${inference}/ModelInfer`, message));
      equal(response.modelName, model);
      equal(response.id, "a1");
      deepEqual(response.outputs, [{ name: "y", datatype, shape: ["1", "2"] }]);
      deepEqual(response.rawOutputContents, [raw.toString("base64")]);
    });
  }
  await report.check("grpcurl: ModelInfer of FP16, raw contents", async () => {
    const raw = [Buffer.from([0x00, 0x3c, 0xff, 0x7b]).toString("base64")];
    const message = request("identity_fp16", "x", "FP16", [1, 2], {});
    const whole = { ...message, raw_input_contents: raw };
    const response = Object(await answer(grpcurl, `${inference}/ModelInfer`, whole));
    deepEqual(response.rawOutputContents, raw);
  });
}

async function checkRefusals(report: Report, grpcurl: Grpcurl): Promise<void> {
  const infer = `${inference}/ModelInfer`;
  await report.check("grpcurl: unknown model is refused", async () => {
    const phrase = /Request for unknown model: 'nope' is not found/;
    await refused(grpcurl, infer, { model_name: "nope" }, notFound, phrase);
    await refused(grpcurl, `${inference}/ModelReady`, { name: "nope" }, notFound, phrase);
  });
  await report.check("grpcurl: elements outside their datatype are refused", async () => {
    const contents = { int_contents: [0, 128] };
    const message = request("identity_int8", "x", "INT8", [1, 2], { contents });
    await refused(grpcurl, infer, message, invalidArgument, /'x'/);
  });
  await report.check("grpcurl: contents of another datatype are refused", async () => {
    const contents = { fp32_contents: [1, 2] };
    const message = request("identity_int64", "x", "INT64", [1, 2], { contents });
    await refused(grpcurl, infer, message, invalidArgument, /'x'/);
  });
  await report.check("grpcurl: typed and raw contents together are refused", async () => {
    const contents = { int64_contents: ["1", "2"] };
    const message = request("identity_int64", "x", "INT64", [1, 2], { contents });
    const whole = { ...message, raw_input_contents: [base64("0123456789abcdef")] };
    await refused(grpcurl, infer, whole, invalidArgument, /contents/);
  });
}

async function checkHealth(report: Report, grpcurl: Grpcurl): Promise<void> {
  for (const service of ["", inference]) {
    await report.check(`grpcurl: health Check of '${service}'`, async () => {
      deepEqual(await answer(grpcurl, `${health}/Check`, { service }), { status: "SERVING" });
    });
  }
  await report.check("grpcurl: health Check of an unknown service", async () => {
    await refused(grpcurl, `${health}/Check`, { service: "nope" }, notFound, /unknown service/);
  });
  await report.check("grpcurl: health Watch tells the status and stays open", async () => {
    const ended = await call(grpcurl, `${health}/Watch`, {}, ["-max-time", "1"]);
    ok(ended.stdout.includes('"SERVING"'), ended.stderr);
    equal(ended.code, deadlineExceeded, ended.stderr);
  });
}
