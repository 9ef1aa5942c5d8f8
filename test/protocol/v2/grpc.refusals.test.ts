import { describe, expect, it } from "vitest";
import { assert } from "../../../src/domain/error.ts";
import {
  idBytesMax,
  inputsMax,
  modelNameBytesMax,
  outputsMax,
  parametersMax,
  rankMax,
  tensorNameBytesMax,
} from "../../../src/domain/limits.ts";
import type { InferRequest } from "../../../src/domain/request.ts";
import { decodeModelInferRequest } from "../../../src/protocol/v2/grpc.ts";
import { tensorsOf } from "../../support/inputs.ts";
import { refusal } from "../refusal.ts";
import { message, type Write } from "./requests.ts";

/** What `v2/grpc.ts` refuses, and up to where it does not. */

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
    expect(tensorsOf(decode(...indexed(inputsMax, input)).inputs)).toHaveLength(inputsMax);
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
      expect(tensorsOf(decode(dims(rankMax - 1)).inputs)).toHaveLength(1);
      expect(refusal(() => decode(dims(rankMax)))).toContain("more than 32 dimensions");
    }
  });

  it("of names and ids", () => {
    const id =
      (id: string): Write =>
      (writer) =>
        writer.string(3, id);
    const name = "é".repeat(tensorNameBytesMax / 2);
    expect(tensorsOf(decode(input(name), output(name)).inputs)).toHaveLength(1);
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
  const [tensor] = tensorsOf(request.inputs);
  assert(tensor?.datatype === "BYTES", "the input is what was sent");
  expect(tensor.strings).toHaveLength(count);
});
