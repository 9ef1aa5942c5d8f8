import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Datatype, datatypes } from "../../../src/domain/datatype.ts";
import { assert, type ErrorKind } from "../../../src/domain/error.ts";
import {
  idBytesMax,
  inputsMax,
  modelNameBytesMax,
  outputsMax,
  parametersMax,
  rankMax,
  responseBytesMax,
  tensorNameBytesMax,
} from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferRequest } from "../../../src/domain/request.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import {
  decodeHealthRequest,
  decodeModelInferRequest,
  decodeModelRequest,
  encodeFlag,
  encodeHealthResponse,
  encodeModelInferResponse,
  type HealthStatus,
  healthStatuses,
} from "../../../src/protocol/v2/grpc.ts";
import { writeRaw } from "../../../src/protocol/v2/raw.ts";
import { ProtoWriter } from "../../../src/wire/protobuf.ts";
import { expectOnly, refusal } from "../refusal.ts";
import {
  type Content,
  comparable,
  content,
  contentOf,
  modelName,
  parameters,
  rawOf,
  response,
  tensorName,
  tensorOf,
} from "./arbitraries.ts";
import { loadHealth, loadInference, loadUnpackedInference } from "./loader.ts";

const inference = loadInference();
const unpacked = loadUnpackedInference();
const health = loadHealth();

type Write = (writer: ProtoWriter) => void;

function message(...writes: Write[]): Buffer {
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
const typed = datatypes.filter((datatype) => contentsField[datatype] !== "");

function contentsOf({ datatype, elements }: Content): object {
  const values = elements.map((element) => {
    if (datatype === "BYTES") return Buffer.from(String(element));
    return typeof element === "bigint" ? String(element) : element;
  });
  return { [contentsField[datatype]]: values };
}

/** Fields that ModelInferRequest does not have, of every wire type. */
const unknownFields = fc
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

const requestCase = fc
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

type RequestCase = typeof requestCase extends fc.Arbitrary<infer T> ? T : never;

/** The request as proto-loader takes it. */
function requestMessage({ raw, inputs, ...request }: RequestCase): object {
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
function expectedRequest({ inputs, ...request }: RequestCase): object {
  return {
    model: request.model,
    version: request.version === "" ? undefined : request.version,
    id: request.id === "" ? undefined : request.id,
    parameters: request.parameters.values,
    inputs: inputs.map(({ name, content }) => comparable(tensorOf(name, content))),
    outputs: request.outputs.map(([name, { values }]) => ({ name, parameters: values })),
  };
}

function comparableRequest(request: InferRequest): object {
  return { ...request, inputs: request.inputs.map(comparable) };
}

describe("ModelInferRequest", () => {
  it.each([
    ["packed", inference],
    ["unpacked", unpacked],
  ] as const)("decodes to what proto-loader wrote, %s", (_, service) => {
    const { requestSerialize } = service("ModelInfer");
    fc.assert(
      fc.property(requestCase, (request) => {
        const bytes = requestSerialize(requestMessage(request));
        const whole = Buffer.concat([request.before, bytes, request.after]);
        const decoded = decodeModelInferRequest(whole);
        expect(comparableRequest(decoded)).toEqual(expectedRequest(request));
      }),
      { numRuns: 400 },
    );
  });

  it("written unpacked is another message than packed", () => {
    const content = { datatype: "INT64", shape: [2], elements: [1n, 2n] } as const;
    const request = { inputs: [{ shape: [2], contents: contentsOf(content) }] };
    const lengths = [inference, unpacked].map(
      (service) => service("ModelInfer").requestSerialize(request).length,
    );
    expect(lengths[0]).not.toBe(lengths[1]);
  });

  it("keeps views of the message as raw tensors", () => {
    const bytes = inference("ModelInfer").requestSerialize({
      model_name: "m",
      inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
      raw_input_contents: [Buffer.alloc(4)],
    });
    const [tensor] = decodeModelInferRequest(bytes).inputs;
    assert(tensor?.datatype === "FP32", "the input is what was sent");
    expect(tensor.bytes.buffer).toBe(bytes.buffer);
  });

  it("takes the last of what is there twice, and joins what repeats", () => {
    const request = decodeModelInferRequest(
      message(
        (writer) => writer.string(1, "first").string(1, "m").string(3, "a").string(3, "b"),
        ...["1", "2"].map(
          (text): Write =>
            (writer) =>
              writer.message(4, (entry) =>
                entry.string(1, "p").message(2, (value) => value.int64(2, 7).string(3, text)),
              ),
        ),
        (writer) =>
          writer.message(5, (input) =>
            input
              .string(1, "x")
              .string(2, "INT8")
              .int64(3, 1)
              .bytes(3, Buffer.of(2, 1))
              .message(5, (contents) => contents.int64(2, -1))
              .message(5, (contents) => contents.int64(2, 1)),
          ),
      ),
    );
    expect(comparableRequest(request)).toEqual({
      model: "m",
      version: undefined,
      id: "b",
      parameters: new Map([["p", "2"]]),
      inputs: [{ name: "x", datatype: "INT8", shape: [1, 2, 1], bytes: "ff01" }],
      outputs: [],
    });
  });

  it("takes parameters of any key, and leaves out those without a value", () => {
    const parameter =
      (key: string, ...value: Write[]): Write =>
      (writer) =>
        writer.message(4, (entry) => {
          entry.string(1, key);
          for (const write of value) entry.bytes(2, message(write));
        });
    const request = decodeModelInferRequest(
      message(
        (writer) => writer.string(1, "m"),
        parameter("__proto__", (value) => value.bool(1, true)),
        parameter("", (value) => value.double(4, -0)),
        parameter("none"),
        parameter("empty", () => undefined),
        parameter("unknown", (value) => value.int64(9, 1)),
      ),
    );
    expect([...request.parameters]).toEqual([
      ["__proto__", true],
      ["", -0],
    ]);
  });
});

/** An input with one INT8 element, typed. */
function input(name: string, ...others: Write[]): Write {
  const contents: Write = (writer) => writer.message(5, (contents) => contents.int64(2, 1));
  return (writer) => writer.bytes(5, message(head(name, "INT8", [1]), contents, ...others));
}

function head(name: string, datatype: string, shape: number[]): Write {
  return (writer) => {
    writer.string(1, name).string(2, datatype);
    for (const dim of shape) writer.int64(3, dim);
  };
}

function output(name: string, ...others: Write[]): Write {
  return (writer) =>
    writer.bytes(
      6,
      message((output) => output.string(1, name), ...others),
    );
}

/** Decodes a request for the model m. */
function decode(...writes: Write[]): InferRequest {
  return decodeModelInferRequest(message((writer) => writer.string(1, "m"), ...writes));
}

const indexed = (count: number, write: (name: string) => Write) =>
  Array.from({ length: count }, (_, index) => write(`x${index}`));

describe("refusals", () => {
  const raw =
    (...bytes: number[]): Write =>
    (writer) =>
      writer.bytes(7, Buffer.from(bytes));
  const bare =
    (datatype: string, ...shape: number[]): Write =>
    (writer) =>
      writer.bytes(5, message(head("x", datatype, shape)));

  it.each<[string, Write[], string]>([
    ["an unknown datatype", [bare("fp32", 1)], "invalid datatype 'fp32' of input 'x'"],
    ["no name", [input("")], "an input must have a non-empty 'name'"],
    ["an output without a name", [output("")], "an output must have a non-empty 'name'"],
    ["no data", [bare("INT8", 1)], "unable to find data for input tensor 'x' for model 'm'"],
    [
      "FP16 without raw contents",
      [bare("FP16", 1)],
      "input 'x' has datatype FP16, which travels in raw_input_contents only",
    ],
    [
      "raw and typed contents",
      [input("x"), raw(1)],
      "contents field must not be specified when using raw_input_contents for 'x' for model 'm'",
    ],
    [
      "more raw contents than inputs",
      [bare("INT8", 1), raw(1), raw(1)],
      "the number of inputs (1) does not match the expected number of raw input contents (2) for " +
        "model 'm'",
    ],
    [
      "fewer raw contents than inputs",
      [bare("INT8", 1), input("y"), raw(1)],
      "raw input contents (1)",
    ],
    [
      "raw contents of another size",
      [bare("FP32", 8), raw(...Array(40).fill(0))],
      "input byte size mismatch for input 'x' for model 'm'. Expected 32, got 40",
    ],
    [
      "raw strings of another count",
      [bare("BYTES", 3), raw(0, 0, 0, 0)],
      "expected 3 string elements for inference input 'x' for model 'm', got 1",
    ],
    ["a negative dimension", [bare("INT8", -1), raw(1)], "Unable to parse 'shape' of 'x'"],
    [
      "too many elements",
      [bare("INT8", 2 ** 28 + 1), raw(1)],
      "causes total element count to exceed maximum size of 268435456",
    ],
    ["a repeated input", [input("x"), input("x")], "input 'x' already exists in request"],
    ["a repeated output", [output("y"), output("y")], "output 'y' already exists in request"],
    [
      "classification",
      [
        output("y", (output) =>
          output.message(2, (entry) =>
            entry.string(1, "classification").message(2, (value) => value.int64(2, 2)),
          ),
        ),
      ],
      "output 'y': the classification extension is not supported",
    ],
    [
      "a message that ends too early",
      [(writer) => writer.raw(Buffer.of(0x2a, 9, 1))],
      "malformed ModelInferRequest",
    ],
    [
      "an input that ends too early",
      [(writer) => writer.bytes(5, Buffer.of(0x0a, 9))],
      "malformed ModelInferRequest",
    ],
    [
      "field number 0",
      [(writer) => writer.raw(Buffer.of(0, 0))],
      "malformed ModelInferRequest: field number 0",
    ],
  ])("%s", (_, writes, phrase) => {
    expect(refusal(() => decode(...writes))).toContain(phrase);
  });

  it.each(["", "a/b", ".hidden", "a\\b", "a\u0001", "a".repeat(modelNameBytesMax + 1)])(
    "a model %j as unknown",
    (name) => {
      const bytes = message((writer) => writer.string(1, name), input("x"));
      expect(refusal(() => decodeModelInferRequest(bytes), "model-not-found")).toContain(
        "Request for unknown model: '",
      );
    },
  );

  it("quotes names short and printable", () => {
    const name = `a\n${"b".repeat(1_000)}`;
    const classification: Write = (output) =>
      output.message(2, (entry) =>
        entry.string(1, "classification").message(2, (value) => value.int64(2, 2)),
      );
    for (const writes of [
      [input(name), raw(1)],
      [input(name), input(name)],
      [output(name, classification)],
      [output(name), output(name)],
    ]) {
      const message = refusal(() => decode(...writes));
      expect(message).toContain("a\ufffdbbb");
      expect(message.length).toBeLessThan(400);
    }
  });
});

describe("limits", () => {
  it("of inputs, outputs and raw contents", () => {
    const raws = (count: number) => indexed(count, () => (writer) => writer.bytes(7, Buffer.of(1)));
    expect(decode(...indexed(inputsMax, input)).inputs).toHaveLength(inputsMax);
    expect(refusal(() => decode(...indexed(inputsMax + 1, input)))).toContain("1001 inputs");
    expect(refusal(() => decode(...raws(inputsMax + 1)))).toContain("1001 inputs");
    expect(decode(...indexed(outputsMax, output)).outputs).toHaveLength(outputsMax);
    expect(refusal(() => decode(...indexed(outputsMax + 1, output)))).toContain("1001 outputs");
  });

  it("of parameters", () => {
    const entries = (field: number, count: number) =>
      indexed(count, (key) => (writer) => {
        writer.message(field, (entry) =>
          entry.string(1, key).message(2, (value) => value.bool(1, true)),
        );
      });
    expect(decode(...entries(4, parametersMax)).parameters.size).toBe(parametersMax);
    expect(refusal(() => decode(...entries(4, parametersMax + 1)))).toContain("257 parameters");
    expect(decode(output("y", ...entries(2, parametersMax))).outputs).toHaveLength(1);
    expect(refusal(() => decode(output("y", ...entries(2, parametersMax + 1))))).toContain(
      "257 parameters",
    );
  });

  it("of the rank", () => {
    const ones = (rank: number) => Buffer.alloc(rank, 1);
    const packedDims = (rank: number) => input("x", (input) => input.bytes(3, ones(rank)));
    const singleDims = (rank: number) =>
      input("x", ...Array<Write>(rank).fill((input) => input.int64(3, 1)));
    for (const dims of [packedDims, singleDims]) {
      // The input has one dimension of its own.
      expect(decode(dims(rankMax - 1)).inputs).toHaveLength(1);
      expect(refusal(() => decode(dims(rankMax)))).toContain("more than 32 dimensions");
    }
  });

  it("of names and ids", () => {
    const id =
      (id: string): Write =>
      (writer) =>
        writer.string(3, id);
    const name = "é".repeat(tensorNameBytesMax / 2);
    expect(decode(input(name), output(name)).inputs).toHaveLength(1);
    expect(refusal(() => decode(input(`${name}x`)))).toContain("longer than 4096 bytes");
    expect(refusal(() => decode(output(`${name}x`)))).toContain("longer than 4096 bytes");
    expect(decode(id("i".repeat(idBytesMax))).id).toHaveLength(idBytesMax);
    expect(refusal(() => decode(id("i".repeat(idBytesMax + 1))))).toContain("longer than 4096");
    const model = "m".repeat(modelNameBytesMax);
    expect(decode((writer) => writer.string(1, model)).model).toBe(model);
  });
});

it("takes a million strings without bytes", () => {
  const count = 1_000_000;
  const elements = Buffer.alloc(2 * count);
  for (let at = 0; at < elements.length; at += 2) elements[at] = 0x42;
  const request = decode((writer) =>
    writer.bytes(
      5,
      message(head("x", "BYTES", [count]), (input) => input.bytes(5, elements)),
    ),
  );
  const [tensor] = request.inputs;
  assert(tensor?.datatype === "BYTES", "the input is what was sent");
  expect(tensor.strings).toHaveLength(count);
});

describe("answers", () => {
  const rawHex = (tensor: Tensor) => Buffer.from(writeRaw(tensor)).toString("hex");

  it("of ModelInfer decode by proto-loader to the same response", () => {
    const { responseDeserialize } = inference("ModelInfer");
    fc.assert(
      fc.property(response, (response) => {
        const decoded = responseDeserialize(encodeModelInferResponse(response));
        expect(decoded).toMatchObject({
          model_name: response.model,
          model_version: String(response.version),
          id: response.id ?? "",
          parameters: {},
          outputs: response.outputs.map(({ name, datatype, shape }) => ({
            name,
            datatype,
            shape: shape.map(String),
            parameters: {},
            contents: null,
          })),
        });
        const raw: unknown = Reflect.get(decoded, "raw_output_contents");
        assert(Array.isArray(raw), "the field is repeated");
        expect(raw.map((bytes) => Buffer.from(bytes).toString("hex"))).toEqual(
          response.outputs.map(rawHex),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("of ModelInfer keep dimensions of any size", () => {
    const shape = [0, 127, 128, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const tensor = { name: "z", datatype: "INT8", shape, bytes: Buffer.alloc(0) } as const;
    const answer = { model: parseModelName("m"), version: 1, id: undefined, outputs: [tensor] };
    const decoded = inference("ModelInfer").responseDeserialize(encodeModelInferResponse(answer));
    expect(decoded).toMatchObject({ outputs: [{ shape: shape.map(String) }] });
  });

  it("of ModelInfer that are too large are refused", () => {
    const bytes = Buffer.alloc(responseBytesMax);
    const tensor = { name: "z", datatype: "INT8", shape: [responseBytesMax], bytes } as const;
    const answer = { model: parseModelName("m"), version: 1, id: undefined, outputs: [tensor] };
    expect(refusal(() => encodeModelInferResponse(answer), "too-large")).toContain(
      `at most ${responseBytesMax} are allowed`,
    );
  });

  it.each([
    ["ServerLive", "live"],
    ["ServerReady", "ready"],
    ["ModelReady", "ready"],
  ])("of %s decode by proto-loader", (method, field) => {
    for (const flag of [true, false]) {
      expect(inference(method).responseDeserialize(encodeFlag(flag))).toEqual({ [field]: flag });
    }
  });

  it("of the health check decode by proto-loader", () => {
    const statuses: HealthStatus[] = ["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
    expect(Object.keys(healthStatuses)).toEqual(statuses);
    for (const method of ["Check", "Watch"]) {
      for (const status of statuses) {
        const bytes = encodeHealthResponse(status);
        expect(health(method).responseDeserialize(bytes)).toEqual({ status });
      }
    }
  });
});

describe("small requests", () => {
  const text = fc.string({ unit: "binary" });

  it.each(["ModelReady", "ModelMetadata"])("of %s decode to what proto-loader wrote", (method) => {
    const cases = fc.tuple(text, text, unknownFields);
    fc.assert(
      fc.property(cases, ([name, version, unknown]) => {
        const bytes = inference(method).requestSerialize({ name, version });
        const decoded = decodeModelRequest(Buffer.concat([unknown, bytes]));
        expect(decoded).toEqual(version === "" ? { name } : { name, version });
      }),
    );
  });

  it("of the health check decode to what proto-loader wrote", () => {
    fc.assert(
      fc.property(text, unknownFields, (service, unknown) => {
        const bytes = health("Check").requestSerialize({ service });
        expect(decodeHealthRequest(Buffer.concat([bytes, unknown]))).toBe(service);
      }),
    );
    expect(decodeHealthRequest(Buffer.alloc(0))).toBe("");
  });

  it("that end too early are refused", () => {
    expect(refusal(() => decodeModelRequest(Buffer.of(0x0a, 5)))).toContain("malformed request");
    expect(refusal(() => decodeHealthRequest(Buffer.of(0x0a)))).toContain("malformed request");
  });
});

describe("any bytes", () => {
  const kinds: readonly ErrorKind[] = ["invalid-request", "model-not-found"];
  const check = (bytes: Uint8Array) => {
    expectOnly(kinds, () => decodeModelInferRequest(bytes));
    expectOnly(["invalid-request"], () => decodeModelRequest(bytes));
    expectOnly(["invalid-request"], () => decodeHealthRequest(bytes));
  };

  it("at random are taken, or refused as a client's mistake", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { numRuns: 4_000 });
  });

  it("with the right tags are taken, or refused as a client's mistake", () => {
    const scalar = fc.oneof(
      fc.constantFrom("m", "x", ...datatypes).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    );
    /** Messages of fields 1 to 9, whose lengths hold the next level. */
    const nested = (inner: fc.Arbitrary<Buffer>) =>
      fc
        .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.oneof(inner, scalar), fc.nat(9)), {
          maxLength: 6,
        })
        .map((fields) =>
          message(
            ...fields.map(
              ([field, bytes, kind]): Write =>
                (writer) => {
                  if (kind === 0) writer.int64(field, bytes.length - 2);
                  else if (kind === 1) writer.double(field, bytes.length);
                  else if (kind === 2) writer.float(field, bytes.length);
                  else writer.bytes(field, bytes);
                },
            ),
          ),
        );
    fc.assert(
      fc.property(nested(nested(nested(scalar))), (bytes) => {
        check(bytes);
        check(message((writer) => writer.raw(bytes).string(1, "m")));
      }),
      { numRuns: 3_000 },
    );
  });

  it("of a request that was cut and patched are taken, or refused as a client's mistake", () => {
    const { requestSerialize } = inference("ModelInfer");
    const patch = fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 4 }));
    const patches = fc.array(patch, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(requestCase, patches, (request, patches) => {
        let bytes = requestSerialize(requestMessage(request));
        for (const [offset, cut, patch] of patches) {
          const at = offset % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, at), patch, bytes.subarray(at + cut)]);
        }
        check(bytes);
      }),
      { numRuns: 1_500 },
    );
  });
});
