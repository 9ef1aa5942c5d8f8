import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Datatype, datatypes } from "../../../src/domain/datatype.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import { Contents } from "../../../src/protocol/v2/contents.ts";
import {
  fixed32Type,
  fixed64Type,
  lengthType,
  ProtoWriter,
  varintType,
  WireError,
} from "../../../src/wire/protobuf.ts";
import { refusal } from "../refusal.ts";
import {
  type Content,
  comparable,
  contentOf,
  type Element,
  headOf,
  tensorOf,
} from "./arbitraries.ts";

const contentsField = 5;
const typed = datatypes.filter((datatype) => datatype !== "FP16" && datatype !== "BF16");
const fieldOf: Readonly<Partial<Record<Datatype, number>>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
};

type Write = (writer: ProtoWriter) => void;

/** An InferInputTensor whose contents are in as many parts as there are writes. */
function contents(...parts: Write[]): Contents {
  const writer = new ProtoWriter();
  for (const part of parts) writer.message(contentsField, part);
  return new Contents(writer.finish());
}

function writeElement(writer: ProtoWriter, datatype: Datatype, element: Element): void {
  const field = fieldOf[datatype] ?? 0;
  if (datatype === "FP32") writer.float(field, Number(element));
  else if (datatype === "FP64") writer.double(field, Number(element));
  else if (datatype === "BYTES") writer.string(field, String(element));
  else writer.int64(field, BigInt(element));
}

/** The elements without their tags. */
function packed({ datatype, elements }: Content): Buffer {
  const parts = elements.map((element) => {
    const writer = new ProtoWriter();
    writeElement(writer, datatype, element);
    return writer.finish().subarray(1);
  });
  return Buffer.concat(parts);
}

function read(datatype: Datatype, shape: number[], ...parts: Write[]): Tensor {
  return contents(...parts).read(headOf(datatype, shape));
}

describe.each(typed)("%s", (datatype) => {
  const field = fieldOf[datatype] ?? 0;

  it("is read one by one, packed, mixed, and in several parts", () => {
    fc.assert(
      fc.property(contentOf(datatype), fc.nat(), (content, cut) => {
        const { elements, shape } = content;
        const expected = comparable(tensorOf("x", content));
        const at = cut % (elements.length + 1);
        const single: Write = (writer) => {
          for (const element of elements.slice(0, at)) writeElement(writer, datatype, element);
        };
        const rest: Write = (writer) => {
          if (datatype !== "BYTES") {
            writer.bytes(field, packed({ ...content, elements: elements.slice(at) }));
            return;
          }
          for (const element of elements.slice(at)) writeElement(writer, datatype, element);
        };
        const together: Write = (writer) => {
          single(writer);
          rest(writer);
        };
        expect(comparable(read(datatype, [...shape], single, rest))).toEqual(expected);
        expect(comparable(read(datatype, [...shape], together))).toEqual(expected);
      }),
    );
  });

  it("must be in its own field", () => {
    for (const other of typed) {
      if (fieldOf[other] === field) continue;
      const message = refusal(() =>
        read(datatype, [1], (writer) => writeElement(writer, other, other === "BYTES" ? "a" : 1)),
      );
      expect(message).toMatch(
        new RegExp(`^input 'x' has datatype ${datatype}, so its elements must be in \\w+_contents`),
      );
    }
  });

  it("must be there, unless the shape has no elements", () => {
    expect(refusal(() => read(datatype, [1]))).toBe(
      "unable to find data for input tensor 'x' for model 'm' in request",
    );
    expect(refusal(() => read(datatype, []))).toContain("unable to find data");
    expect(read(datatype, [2, 0]).shape).toEqual([2, 0]);
  });

  it("refuses more and fewer elements than the shape says", () => {
    const two: Write = (writer) => {
      for (const element of [0, 1]) writeElement(writer, datatype, element);
    };
    expect(read(datatype, [2], two).shape).toEqual([2]);
    const phrase = /does not match true shape|byte size mismatch|string elements/;
    expect(refusal(() => read(datatype, [1], two))).toMatch(phrase);
    expect(refusal(() => read(datatype, [3], two))).toMatch(phrase);
    expect(refusal(() => read(datatype, [2 ** 28], two))).toMatch(phrase);
    expect(refusal(() => read(datatype, [2 ** 28 + 1], two))).toContain("total element count");
  });

  it("passes over fields of another wire type", () => {
    const wireTypes = [varintType, fixed32Type, fixed64Type].filter((type) => {
      if (datatype === "FP32") return type !== fixed32Type;
      if (datatype === "FP64") return type !== fixed64Type;
      return datatype === "BYTES" || type !== varintType;
    });
    for (const wireType of wireTypes) {
      const size = { [varintType]: 1, [fixed32Type]: 4, [fixed64Type]: 8 }[wireType] ?? 0;
      const part: Write = (writer) => {
        writer.tag(field, wireType).raw(Buffer.alloc(size, 1));
        writeElement(writer, datatype, 1);
      };
      expect(contents((writer) => writer.tag(field, wireType).raw(Buffer.alloc(size))).empty).toBe(
        true,
      );
      expect(read(datatype, [1], part).shape).toEqual([1]);
    }
  });
});

describe("integers", () => {
  it.each([
    ["INT8", -(2 ** 7), 2 ** 7 - 1],
    ["INT16", -(2 ** 15), 2 ** 15 - 1],
    ["UINT8", 0, 2 ** 8 - 1],
    ["UINT16", 0, 2 ** 16 - 1],
  ] as const)("of %s are not wrapped outside of %d to %d", (datatype, min, max) => {
    for (const edge of [min, max]) {
      expect(read(datatype, [1], (writer) => writeElement(writer, datatype, edge)).shape).toEqual([
        1,
      ]);
    }
    const outside = datatype.startsWith("U") ? [max + 1] : [min - 1, max + 1];
    for (const value of outside) {
      expect(
        refusal(() => read(datatype, [1], (writer) => writeElement(writer, datatype, value))),
      ).toContain(`is ${value}, expected an integer from ${min} to ${max} for ${datatype}`);
    }
  });
});

describe("FP16 and BF16", () => {
  it.each(["FP16", "BF16"] as const)("%s travels raw only", (datatype) => {
    const message = `input 'x' has datatype ${datatype}, which travels in raw_input_contents only`;
    expect(refusal(() => read(datatype, [1], (writer) => writer.float(6, 1)))).toBe(message);
    expect(refusal(() => read(datatype, [0]))).toBe(message);
  });
});

describe("emptiness", () => {
  it("is having no element, whatever else there is", () => {
    expect(contents().empty).toBe(true);
    expect(contents(() => undefined).empty).toBe(true);
    expect(contents((writer) => writer.bytes(3, Buffer.alloc(0))).empty).toBe(true);
    expect(contents((writer) => writer.int64(9, 1).string(100, "unknown")).empty).toBe(true);
    expect(contents((writer) => writer.string(8, "")).empty).toBe(false);
    expect(contents((writer) => writer.bool(1, false)).empty).toBe(false);
  });
});

it("looks at the contents only", () => {
  const input = new ProtoWriter()
    .string(1, "x")
    .int64(3, 1)
    .message(5, (writer) => writer.string(8, "text"))
    .string(4, "parameters")
    .int64(5, 7)
    .finish();
  expect(new Contents(input).read(headOf("BYTES", [1]))).toHaveProperty("strings", ["text"]);
});

it("does not copy floats that are packed in one run", () => {
  const message = new ProtoWriter()
    .message(contentsField, (writer) => writer.bytes(6, Buffer.alloc(8)))
    .finish();
  const tensor = new Contents(message).read(headOf("FP32", [2]));
  expect(tensor.datatype === "FP32" && tensor.bytes.buffer).toBe(message.buffer);
});

it("refuses contents that end too early", () => {
  const cut = Buffer.of((contentsField << 3) | lengthType, 2, (3 << 3) | varintType, 0x80);
  expect(() => new Contents(cut)).toThrow(WireError);
  const run: Write = (writer) => writer.bytes(3, Buffer.of(1, 0x80));
  expect(() => read("INT64", [1], run)).toThrow();
});
