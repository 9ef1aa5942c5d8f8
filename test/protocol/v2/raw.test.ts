import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import { elementsMax, rankMax, stringBytesMax } from "../../../src/domain/limits.ts";
import { readRaw, readString, writeRaw } from "../../../src/protocol/v2/raw.ts";
import { expectOnly, refusal } from "../refusal.ts";
import { comparable, content, headOf, rawOf, tensorOf } from "./arbitraries.ts";

/** BYTES elements as they are on the wire. */
function elements(...texts: (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      return [Buffer.from(Uint32Array.of(bytes.length).buffer), bytes];
    }),
  );
}

describe("readRaw", () => {
  it("takes tensors of every datatype, and writeRaw gives them back", () => {
    fc.assert(
      fc.property(content, (content) => {
        const head = headOf(content.datatype, content.shape);
        const bytes = rawOf(content);
        const tensor = readRaw(head, bytes);
        expect(comparable(tensor)).toEqual(comparable(tensorOf("x", content)));
        expect(Buffer.from(writeRaw(tensor))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it("does not copy numbers", () => {
    const bytes = new Uint8Array(9).subarray(1);
    const tensor = readRaw(headOf("FP32", [2]), bytes);
    expect(tensor).toHaveProperty("bytes", bytes);
    expect(writeRaw(tensor)).toBe(bytes);
  });

  it("refuses bytes that are not as many as the shape says", () => {
    expect(refusal(() => readRaw(headOf("FP32", [2, 4]), Buffer.alloc(40)))).toBe(
      "input byte size mismatch for input 'x' for model 'm'. Expected 32, got 40",
    );
    for (const datatype of datatypes) {
      if (datatype === "BYTES") continue;
      expect(refusal(() => readRaw(headOf(datatype, []), Buffer.alloc(0)))).toContain("got 0");
      expect(refusal(() => readRaw(headOf(datatype, [0]), Buffer.alloc(1)))).toContain("got 1");
    }
  });

  it("refuses a BOOL that is neither 0 nor 1", () => {
    expect(readRaw(headOf("BOOL", [2]), Buffer.of(0, 1))).toHaveProperty("datatype", "BOOL");
    expect(refusal(() => readRaw(headOf("BOOL", [2]), Buffer.of(0, 2)))).toBe(
      "input 'x' holds a BOOL byte that is neither 0 nor 1",
    );
  });

  it("takes the maximal rank, not one more", () => {
    const shape = (rank: number) => Array<number>(rank).fill(1);
    expect(readRaw(headOf("INT8", shape(rankMax)), Buffer.of(1)).shape).toHaveLength(rankMax);
    expect(refusal(() => readRaw(headOf("INT8", shape(rankMax + 1)), Buffer.of(1)))).toContain(
      "has 33 dimensions, but at most 32 are allowed",
    );
  });

  it("takes the maximal count of elements, not one more", () => {
    for (const datatype of ["INT8", "BYTES"] as const) {
      const read = (shape: number[]) => refusal(() => readRaw(headOf(datatype, shape), rawOne));
      expect(read([elementsMax])).toContain(`xpected ${elementsMax}`);
      expect(read([elementsMax + 1])).toContain(
        `causes total element count to exceed maximum size of ${elementsMax}`,
      );
      expect(read([2 ** 27, 2, 2])).toContain("causes total element count");
      expect(read([elementsMax + 1, 0])).toContain("causes total element count");
    }
  });

  it("refuses dimensions that are none", () => {
    for (const dim of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(refusal(() => readRaw(headOf("INT8", [dim]), rawOne))).toContain(
        "Unable to parse 'shape'",
      );
    }
  });
});

const rawOne = Buffer.of(1, 0, 0, 0, 0x61);

describe("BYTES", () => {
  const read = (shape: number[], bytes: Uint8Array) => () => readRaw(headOf("BYTES", shape), bytes);

  it("are read in their order", () => {
    expect(read([2, 2], elements("a", "", "é", "模型"))()).toHaveProperty("strings", [
      "a",
      "",
      "é",
      "模型",
    ]);
    expect(read([0], elements())()).toHaveProperty("strings", []);
  });

  it("that are fewer or more than the shape says are refused", () => {
    expect(refusal(read([3], elements("a", "b")))).toBe(
      "expected 3 string elements for inference input 'x' for model 'm', got 2",
    );
    expect(refusal(read([3], elements("long enough", "b")))).toContain("got 2");
    expect(refusal(read([1], elements("a", "b")))).toBe(
      "unexpected additional input data for input 'x': 5 bytes after 1 string elements for " +
        "model 'm'",
    );
  });

  it("that end in the middle are refused", () => {
    expect(refusal(read([1], Buffer.of(5, 0, 0, 0, 0x61)))).toBe(
      "incomplete string data for inference input 'x': element 0 has a length of 5 bytes, but 1 " +
        "bytes remain",
    );
    expect(refusal(read([1], Buffer.of(255, 255, 255, 255)))).toContain("4294967295 bytes");
    expect(refusal(read([2], Buffer.of(2, 0, 0, 0, 0x61, 0x62, 1, 0)))).toContain("got 1");
  });

  it("that are no text are refused", () => {
    for (const bytes of [Buffer.of(0xff), Buffer.of(0xc3), Buffer.of(0xed, 0xa0, 0x80)]) {
      expect(refusal(read([1], elements(bytes)))).toBe(
        "input 'x' holds a BYTES element that is not valid UTF-8",
      );
    }
    expect(refusal(read([1], elements("a\0")))).toContain("NUL character");
  });

  it("have up to the maximum of bytes each", () => {
    const bytes = Buffer.alloc(stringBytesMax + 1, "a");
    expect(readString("x", bytes.subarray(1))).toHaveLength(stringBytesMax);
    expect(refusal(() => readString("x", bytes))).toBe(
      "a string of input 'x' is longer than 16777216 bytes",
    );
  });

  it("of any bytes are read or refused", () => {
    const cases = fc.tuple(fc.array(fc.nat(4), { maxLength: 2 }), fc.uint8Array());
    fc.assert(
      fc.property(cases, ([shape, bytes]) => expectOnly(["invalid-request"], read(shape, bytes))),
      { numRuns: 1_000 },
    );
  });
});

it("reads at any offset of a larger buffer", () => {
  const whole = Buffer.concat([Buffer.of(9, 9, 9), elements("one", "two"), Buffer.of(9)]);
  const part = whole.subarray(3, -1);
  const tensor = readRaw(headOf("BYTES", [2]), part);
  expect(tensor).toHaveProperty("strings", ["one", "two"]);
  expect(Buffer.from(writeRaw(tensor))).toEqual(part);
});
