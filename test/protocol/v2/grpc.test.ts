import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assert } from "../../../src/domain/error.ts";
import { responseBytesMax } from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
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
import { tensorsOf } from "../../support/inputs.ts";
import { refusal } from "../refusal.ts";
import { response } from "./arbitraries.ts";
import { loadHealth, loadInference, loadUnpackedInference } from "./loader.ts";
import {
  comparableRequest,
  contentsOf,
  expectedRequest,
  message,
  requestCase,
  requestMessage,
  unknownFields,
  type Write,
} from "./requests.ts";

const inference = loadInference();
const unpacked = loadUnpackedInference();
const health = loadHealth();

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
    const [tensor] = tensorsOf(decodeModelInferRequest(bytes).inputs);
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

describe("answers", () => {
  const asked = decodeModelInferRequest(Buffer.from([0x0a, 1, 0x6d]));
  const rawHex = (tensor: Tensor) => Buffer.from(writeRaw(tensor)).toString("hex");

  it("of ModelInfer decode by proto-loader to the same response", () => {
    const { responseDeserialize } = inference("ModelInfer");
    fc.assert(
      fc.property(response, (response) => {
        const decoded = responseDeserialize(encodeModelInferResponse(response, asked));
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

  it("of ModelInfer in typed contents decode to the same tensors", () => {
    const { responseDeserialize } = inference("ModelInfer");
    const typed = { ...asked, parameters: new Map([["binary_data_output", false]]) };
    fc.assert(
      fc.property(response, (response) => {
        const halves = response.outputs.some(({ datatype }) => /^B?F(P)?16$/.test(datatype));
        const message = encodeModelInferResponse(response, typed);
        const decoded = responseDeserialize(message) as { outputs: object[] };
        expect(decoded).toMatchObject({
          raw_output_contents: halves ? response.outputs.map(() => expect.anything()) : [],
        });
        if (halves) return;
        const request = { model_name: "m", inputs: decoded.outputs };
        const again = decodeModelInferRequest(inference("ModelInfer").requestSerialize(request));
        const tensors = tensorsOf(again.inputs);
        expect(tensors.map(rawHex)).toEqual(response.outputs.map(rawHex));
        expect(tensors.map(({ shape }) => shape)).toEqual(
          response.outputs.map(({ shape }) => shape),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("of ModelInfer keep dimensions of any size", () => {
    const shape = [0, 127, 128, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const tensor = { name: "z", datatype: "INT8", shape, bytes: Buffer.alloc(0) } as const;
    const answer = { model: parseModelName("m"), version: 1, id: undefined, outputs: [tensor] };
    const decoded = inference("ModelInfer").responseDeserialize(
      encodeModelInferResponse(answer, asked),
    );
    expect(decoded).toMatchObject({ outputs: [{ shape: shape.map(String) }] });
  });

  it("of ModelInfer that are too large are refused", () => {
    const bytes = Buffer.alloc(responseBytesMax);
    const tensor = { name: "z", datatype: "INT8", shape: [responseBytesMax], bytes } as const;
    const answer = { model: parseModelName("m"), version: 1, id: undefined, outputs: [tensor] };
    expect(refusal(() => encodeModelInferResponse(answer, asked), "too-large")).toContain(
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
