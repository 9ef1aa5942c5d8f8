import { invalid } from "../../domain/error.ts";
import { rankMax, responseBytesMax } from "../../domain/limits.ts";
import { parseModelName } from "../../domain/model.ts";
import {
  type InferRequest,
  type InferResponse,
  noParameters,
  type ParameterValue,
  type RequestedOutput,
} from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import {
  lengthType,
  ProtoReader,
  ProtoWriter,
  varintType,
  WireError,
} from "../../wire/protobuf.ts";
import {
  checkCount,
  checkDistinctInputs,
  checkDistinctOutputs,
  checkedDatatype,
  checkedId,
  checkedName,
  refuseExtensions,
  responseTooLarge,
  type TensorHead,
} from "../checks.ts";
import { Contents, contentsTag } from "./contents.ts";
import { readRaw, writeRaw } from "./raw.ts";
import { wantsTyped, writeTyped } from "./typed.ts";

/**
 * The hot messages of `inference.GRPCInferenceService` and `grpc.health.v1`, by hand: tensors stay
 * views into the message. Field numbers are those of `proto/`; unknown fields are skipped. The
 * other messages go through proto-loader (`grpc/messages.ts`).
 */

/** Runs a decoder; bytes that are no such message are the client's mistake. */
export function decoded<T>(message: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) throw invalid(`malformed ${message}: ${error.message}`);
    throw error;
  }
}

/** Calls `field` with each tag; what it does not take (returns false) is skipped. */
export function eachField(
  bytes: Uint8Array,
  field: (tag: number, reader: ProtoReader) => boolean,
): void {
  const reader = new ProtoReader(bytes);
  while (!reader.done) {
    const tag = reader.tag();
    if (!field(tag, reader)) reader.skip(tag & 7);
  }
}

const text = (field: number) => (field << 3) | lengthType;
const number = (field: number) => (field << 3) | varintType;
const float64 = (field: number) => (field << 3) | 1;

// Field numbers that the switches below go by.
const modelNameField = text(1);
const modelVersionField = text(2);
const idField = text(3);
const requestParametersField = text(4);
const inputsField = text(5);
const outputsField = text(6);
const rawField = text(7);

/** An input as the message has it, before its elements are read. */
interface WireInput {
  name: string;
  datatype: string;
  shape: number[];
  /** The message itself, where it has contents. */
  message: Buffer | undefined;
}

/** ModelInferRequest. Throws `invalid-request`, or `model-not-found` for an impossible name. */
export function decodeModelInferRequest(message: Uint8Array): InferRequest {
  return decoded("ModelInferRequest", () => {
    let model = "";
    let version = "";
    let id = "";
    const parameters = new Map<string, ParameterValue>();
    const inputs: WireInput[] = [];
    const outputs: RequestedOutput[] = [];
    const raw: Buffer[] = [];
    eachField(message, (tag, reader) => {
      if (tag === modelNameField) model = reader.string();
      else if (tag === modelVersionField) version = reader.string();
      else if (tag === idField) id = reader.string();
      else if (tag === requestParametersField) readParameter(reader.bytes(), parameters);
      else if (tag === inputsField) pushChecked(inputs, readInput(reader.bytes()), "inputs");
      else if (tag === outputsField) pushChecked(outputs, readOutput(reader.bytes()), "outputs");
      else if (tag === rawField) pushChecked(raw, reader.bytes(), "inputs");
      else return false;
      return true;
    });
    const name = parseModelName(model);
    checkDistinctInputs(inputs);
    checkDistinctOutputs(outputs);
    return {
      model: name,
      version: version === "" ? undefined : version,
      id: id === "" ? undefined : checkedId(id),
      parameters,
      inputs: { kind: "tensors", tensors: readTensors(name, inputs, raw) },
      outputs,
    };
  });
}

function pushChecked<T>(list: T[], item: T, what: "inputs" | "outputs"): void {
  list.push(item);
  checkCount(list.length, what);
}

function readInput(message: Buffer): WireInput {
  const input: WireInput = { name: "", datatype: "", shape: [], message: undefined };
  const parameters = new Map<string, ParameterValue>();
  eachField(message, (tag, reader) => {
    if (tag === text(1)) input.name = reader.string();
    else if (tag === text(2)) input.datatype = reader.string();
    else if (tag === number(3)) pushDim(reader, input.shape);
    else if (tag === text(3)) readDims(reader.bytes(), input.shape);
    else if (tag === text(4)) readParameter(reader.bytes(), parameters);
    else if (tag === contentsTag) {
      reader.bytes();
      input.message = message;
    } else return false;
    return true;
  });
  refuseExtensions(parameters, `input '${clip(input.name)}'`);
  return input;
}

function readDims(packed: Buffer, shape: number[]): void {
  const reader = new ProtoReader(packed);
  while (!reader.done) pushDim(reader, shape);
}

function pushDim(reader: ProtoReader, shape: number[]): void {
  shape.push(Number(reader.int64()));
  if (shape.length > rankMax) {
    throw invalid(`the shape of an input has more than ${rankMax} dimensions`);
  }
}

const noMessage = Buffer.alloc(0);

/** Typed contents for every input, or raw contents for every input. */
function readTensors(
  model: TensorHead["model"],
  inputs: readonly WireInput[],
  raw: readonly Buffer[],
): Tensor[] {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalid(
      `the number of inputs (${inputs.length}) does not match the expected number of raw input ` +
        `contents (${raw.length}) for model '${model}'`,
    );
  }
  return inputs.map((input, index) => {
    const name = checkedName(input.name, "an input");
    const datatype = checkedDatatype(input.datatype, name);
    const head: TensorHead = { name, datatype, shape: input.shape, model };
    const bytes = raw[index];
    const contents = new Contents(input.message ?? noMessage);
    if (bytes === undefined) return contents.read(head);
    if (!contents.empty) {
      throw invalid(
        "contents field must not be specified when using raw_input_contents for " +
          `'${clip(name)}' for model '${model}'`,
      );
    }
    return readRaw(head, bytes);
  });
}

function readOutput(message: Buffer): RequestedOutput {
  let name = "";
  const parameters = new Map<string, ParameterValue>();
  eachField(message, (tag, reader) => {
    if (tag === text(1)) name = reader.string();
    else if (tag === text(2)) readParameter(reader.bytes(), parameters);
    else return false;
    return true;
  });
  checkedName(name, "an output");
  refuseExtensions(parameters, `output '${clip(name)}'`);
  return { name, parameters: parameters.size === 0 ? noParameters : parameters };
}

/** An entry of a map<string, InferParameter>. */
function readParameter(entry: Buffer, parameters: Map<string, ParameterValue>): void {
  let key = "";
  let value: ParameterValue | undefined;
  eachField(entry, (tag, reader) => {
    if (tag === text(1)) key = reader.string();
    else if (tag === text(2)) value = readParameterValue(reader.bytes()) ?? value;
    else return false;
    return true;
  });
  if (value !== undefined) parameters.set(key, value);
  checkCount(parameters.size, "parameters");
}

function readParameterValue(message: Buffer): ParameterValue | undefined {
  let value: ParameterValue | undefined;
  eachField(message, (tag, reader) => {
    if (tag === number(1)) value = reader.bool();
    else if (tag === number(2)) value = narrowed(reader.int64());
    else if (tag === text(3)) value = reader.string();
    else if (tag === float64(4)) value = reader.double();
    else if (tag === number(5)) value = narrowed(reader.uint64());
    else return false;
    return true;
  });
  return value;
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** ModelInferResponse with raw contents, as Triton answers; typed where the request asks so. */
export function encodeModelInferResponse(response: InferResponse, request: InferRequest): Buffer {
  const typed = wantsTyped(request, response.outputs);
  const chunks = response.outputs.map(typed ? writeTyped : writeRaw);
  let bytes = 256;
  for (const chunk of chunks) bytes += chunk.byteLength + 128;
  if (bytes > responseBytesMax) throw responseTooLarge(bytes, responseBytesMax);
  const writer = new ProtoWriter(bytes);
  writer.string(1, response.model).string(2, String(response.version));
  if (response.id !== undefined) writer.string(3, response.id);
  response.outputs.forEach((tensor, index) => {
    writer.message(5, (output) => {
      writeOutputHead(output, tensor);
      const contents = typed ? chunks[index] : undefined;
      if (contents !== undefined) output.bytes(5, contents);
    });
  });
  if (!typed) for (const chunk of chunks) writer.bytes(6, chunk);
  return writer.finish();
}

function writeOutputHead(output: ProtoWriter, { name, datatype, shape }: Tensor): void {
  output.string(1, name).string(2, datatype);
  if (shape.length === 0) return;
  const dims = new ProtoWriter(shape.length * 3);
  for (const dim of shape) dims.varint(dim);
  output.bytes(3, dims.finish());
}

/**
 * ModelStreamInferResponse with an answer. As with Triton, the answer says that it is the last one
 * of its request: `triton_final_response`.
 */
export function encodeStreamResponse(response: Uint8Array): Buffer {
  return new ProtoWriter(response.byteLength + 64)
    .bytes(2, Buffer.concat([response, finalResponse]))
    .finish();
}

/** One entry of ModelInferResponse's `parameters`: a name, and a bool. */
const finalResponse = new ProtoWriter(40)
  .message(4, (entry) =>
    entry.string(1, "triton_final_response").message(2, (value) => value.bool(1, true)),
  )
  .finish();

/** ModelStreamInferResponse with an error, and the id of the request that it is of. */
export function encodeStreamError(message: string, id: string | undefined): Buffer {
  const writer = new ProtoWriter(128).string(1, message);
  if (id !== undefined) writer.message(2, (response) => response.string(3, id));
  return writer.finish();
}

/** ModelReadyRequest and ModelMetadataRequest: a name and a version. */
export function decodeModelRequest(message: Uint8Array): { name: string; version?: string } {
  return decoded("request", () => {
    let name = "";
    let version = "";
    eachField(message, (tag, reader) => {
      if (tag === text(1)) name = reader.string();
      else if (tag === text(2)) version = reader.string();
      else return false;
      return true;
    });
    return version === "" ? { name } : { name, version };
  });
}

/** ServerLiveResponse, ServerReadyResponse, ModelReadyResponse: one bool. */
export function encodeFlag(flag: boolean): Buffer {
  return flag ? new ProtoWriter(2).bool(1, true).finish() : Buffer.alloc(0);
}

/** grpc.health.v1.HealthCheckRequest: the service's name, empty for the server as a whole. */
export function decodeHealthRequest(message: Uint8Array): string {
  return decodeModelRequest(message).name;
}

export const healthStatuses = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;
export type HealthStatus = keyof typeof healthStatuses;

/** grpc.health.v1.HealthCheckResponse. */
export function encodeHealthResponse(status: HealthStatus): Buffer {
  return new ProtoWriter(2).tag(1, varintType).varint(healthStatuses[status]).finish();
}
