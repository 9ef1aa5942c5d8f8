import fc from "fast-check";
import { type Datatype, datatypes } from "../../../src/domain/datatype.ts";
import type { InferRequest } from "../../../src/domain/request.ts";
import { ProtoWriter } from "../../../src/wire/protobuf.ts";
import { tensorsOf } from "../../support/inputs.ts";
import {
  type Content,
  comparable,
  content,
  contentOf,
  modelName,
  parameters,
  rawOf,
  tensorName,
  tensorOf,
} from "./arbitraries.ts";

/** ModelInferRequests as proto-loader takes them, and as thaw's own layers do. */

export type Write = (writer: ProtoWriter) => void;

export function message(...writes: Write[]): Buffer {
  const writer = new ProtoWriter();
  for (const write of writes) write(writer);
  return writer.finish();
}

const contentsField: Readonly<Record<Datatype, string>> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
  FP16: "",
  BF16: "",
};
export const typed = datatypes.filter((datatype) => contentsField[datatype] !== "");

export function contentsOf({ datatype, elements }: Content): object {
  const values = elements.map((element) => {
    if (datatype === "BYTES") return Buffer.from(String(element));
    return typeof element === "bigint" ? String(element) : element;
  });
  return { [contentsField[datatype]]: values };
}

/** Fields that ModelInferRequest does not have, of every wire type. */
export const unknownFields = fc
  .array(
    fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => int64At(1_000, value)),
      fc.double().map((value) => message((writer) => writer.double(101, value))),
      fc.float().map((value) => message((writer) => writer.float(8, value))),
      fc.uint8Array().map((value) => message((writer) => writer.bytes(2 ** 20, value))),
      // Known numbers with another wire type are unknown too.
      fc.nat().map((value) => int64At(5, value)),
      fc.constant(Buffer.of(0x4b, 0x08, 0x01, 0x4c)),
    ),
    { maxLength: 3 },
  )
  .map((fields) => Buffer.concat(fields));

function int64At(field: number, value: number | bigint): Buffer {
  return message((writer) => writer.int64(field, value));
}

const names = fc.uniqueArray(tensorName, { maxLength: 3 });

/** Inputs by name, either all raw or all typed. */
function inputsOf(of: fc.Arbitrary<Content>) {
  const input = fc.record({ content: of, parameters });
  return names.chain((names) =>
    fc
      .array(input, { minLength: names.length, maxLength: names.length })
      .map((inputs) => inputs.map((input, index) => ({ ...input, name: names[index] ?? "" }))),
  );
}

export const requestCase = fc
  .record({
    raw: fc.boolean(),
    model: modelName,
    version: fc.constantFrom("", "1", "x"),
    id: fc.string({ unit: "binary" }),
    parameters,
    outputs: names.chain((names) =>
      fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), parameters))),
    ),
    before: unknownFields,
    after: unknownFields,
  })
  .chain((rest) =>
    inputsOf(rest.raw ? content : contentOf(...typed)).map((inputs) => ({ ...rest, inputs })),
  );

export type RequestCase = typeof requestCase extends fc.Arbitrary<infer T> ? T : never;

/** The request as proto-loader takes it. */
export function requestMessage({ raw, inputs, ...request }: RequestCase): object {
  return {
    model_name: request.model,
    model_version: request.version,
    id: request.id,
    parameters: request.parameters.messages,
    inputs: inputs.map(({ name, content, parameters }) => ({
      name,
      datatype: content.datatype,
      shape: content.shape,
      parameters: parameters.messages,
      ...(raw ? {} : { contents: contentsOf(content) }),
    })),
    outputs: request.outputs.map(([name, { messages }]) => ({ name, parameters: messages })),
    raw_input_contents: raw ? inputs.map(({ content }) => rawOf(content)) : [],
  };
}

/** The request as thaw's own layers take it. */
export function expectedRequest({ inputs, ...request }: RequestCase): object {
  return {
    model: request.model,
    version: request.version === "" ? undefined : request.version,
    id: request.id === "" ? undefined : request.id,
    parameters: request.parameters.values,
    inputs: inputs.map(({ name, content }) => comparable(tensorOf(name, content))),
    outputs: request.outputs.map(([name, { values }]) => ({ name, parameters: values })),
  };
}

export function comparableRequest(request: InferRequest): object {
  return { ...request, inputs: tensorsOf(request.inputs).map(comparable) };
}
