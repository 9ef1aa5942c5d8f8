import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Datatype, datatypes } from "../../../src/domain/datatype.ts";
import { quoteValue } from "../../../src/domain/elements.ts";
import { elementsMax, rankMax } from "../../../src/domain/limits.ts";
import type { Tensor } from "../../../src/domain/tensor.ts";
import { readTextElements, readValues, writeValues } from "../../../src/protocol/v2/values.ts";
import { type JsonValue, parseJson } from "../../../src/wire/json.ts";
import { refusal } from "../refusal.ts";
import {
  bytesOfElements,
  comparable,
  contentOf,
  flatJson,
  headOf,
  nestedJson,
  tensorOf,
  unaligned,
} from "./arbitraries.ts";

function parsed(text: string): JsonValue[] {
  const value = parseJson(text, 100);
  return Array.isArray(value) ? value : expect.fail("not an array");
}

function read(datatype: Datatype, ...data: JsonValue[]): Tensor {
  return readValues(headOf(datatype, [data.length]), data);
}

/** The bytes of one element, as a hexadecimal number. */
function bits(datatype: Datatype, value: JsonValue): string {
  const tensor = read(datatype, value);
  if (tensor.datatype === "BYTES") return expect.fail("no number");
  return Buffer.from(tensor.bytes).reverse().toString("hex");
}

describe.each(datatypes)("%s", (datatype) => {
  it("is read flat and nested, and written so that it reads back the same", () => {
    fc.assert(
      fc.property(contentOf(datatype), (content) => {
        const head = headOf(datatype, content.shape);
        const expected = tensorOf("x", content);
        const flat = readValues(head, parsed(`[${flatJson(content)}]`));
        const nested = readValues(head, parsed(nestedJson(content)));
        expect(comparable(flat)).toEqual(comparable(expected));
        expect(comparable(nested)).toEqual(comparable(expected));
        expect(writeValues(expected)).toBe(flatJson(content));
      }),
    );
  });

  it("is written from any offset", () => {
    if (datatype === "BYTES") return;
    const bytes = bytesOfElements(datatype, [1, 0, 1]);
    const tensor = { name: "x", datatype, shape: [3], bytes };
    expect(writeValues(unaligned(tensor))).toBe(writeValues(tensor));
  });

  it("refuses values of another type", () => {
    const wrong: JsonValue[] = [null, {}, datatype === "BYTES" ? 1 : "1"];
    if (datatype !== "BOOL") wrong.push(true);
    for (const value of wrong) {
      expect(refusal(() => read(datatype, value))).toContain(
        `Unable to parse 'data': element 0 of input 'x' is ${quoteValue(value)}, expected `,
      );
    }
  });

  it("refuses more and fewer elements than the shape says", () => {
    const value = datatype === "BYTES" ? "1" : 1;
    const few = refusal(() => readValues(headOf(datatype, [2, 2]), [[value, value], [value]]));
    const many = refusal(() => readValues(headOf(datatype, [2]), [value, [value, value]]));
    expect(few).toContain(
      datatype === "BYTES"
        ? "expected 4 string elements for inference input 'x' for model 'm', got 3"
        : "Failed to parse 'data' field: shape does not match true shape",
    );
    expect(many).toContain(
      "Unable to parse 'data': Shape does not match true shape of 'data' field",
    );
  });

  it("takes the maximal rank and count, not one more", () => {
    const value = datatype === "BYTES" ? "1" : 1;
    const shaped = (...shape: number[]) => readValues(headOf(datatype, shape), [value]);
    const ones = Array<number>(rankMax).fill(1);
    expect(shaped(...ones).shape).toEqual(ones);
    expect(refusal(() => shaped(...ones, 1))).toContain("at most 32 are allowed");
    expect(refusal(() => shaped(elementsMax))).toMatch(/true shape|string elements/);
    expect(refusal(() => shaped(elementsMax + 1))).toContain(
      `causes total element count to exceed maximum size of ${elementsMax}`,
    );
  });

  it("takes no memory for elements that a shape only claims", () => {
    const before = process.memoryUsage().arrayBuffers;
    refusal(() => readValues(headOf(datatype, [elementsMax]), [[]]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});

describe("integers", () => {
  it.each([
    ["UINT8", 0n, 2n ** 8n - 1n],
    ["UINT16", 0n, 2n ** 16n - 1n],
    ["UINT32", 0n, 2n ** 32n - 1n],
    ["UINT64", 0n, 2n ** 64n - 1n],
    ["INT8", -(2n ** 7n), 2n ** 7n - 1n],
    ["INT16", -(2n ** 15n), 2n ** 15n - 1n],
    ["INT32", -(2n ** 31n), 2n ** 31n - 1n],
    ["INT64", -(2n ** 63n), 2n ** 63n - 1n],
  ] as const)("of %s are from %d to %d", (datatype, min, max) => {
    const values = (...integers: bigint[]) => parsed(`[${integers.join(",")}]`);
    expect(writeValues(read(datatype, ...values(min, max)))).toBe(`${min},${max}`);
    for (const outside of [min - 1n, max + 1n, 10n ** 30n]) {
      expect(refusal(() => read(datatype, ...values(outside)))).toContain(
        `element 0 of input 'x' is ${outside}, expected an integer from ${min} to ${max} for ` +
          datatype,
      );
    }
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(() => read(datatype, value))).toContain(`is ${value}, expected an integer`);
    }
    expect(writeValues(read(datatype, -0, 1.0))).toBe("0,1");
  });

  it("of 64 bits are exact to the last digit", () => {
    const text = "9007199254740993,9223372036854775807,-9223372036854775808,1,-1";
    expect(writeValues(read("INT64", ...parsed(`[${text}]`)))).toBe(text);
    const unsigned = "18446744073709551615,9007199254740993,0";
    expect(writeValues(read("UINT64", ...parsed(`[${unsigned}]`)))).toBe(unsigned);
  });
});

describe("booleans", () => {
  it("are true, false, 1 or 0", () => {
    expect(writeValues(read("BOOL", true, false, 1, 0))).toBe("true,false,true,false");
    for (const value of [2, -1, 0.5, "true", Number.NaN]) {
      expect(refusal(() => read("BOOL", value))).toContain("expected true or false for BOOL");
    }
  });
});

describe("floats", () => {
  it("keep NaN, the infinities and negative zero", () => {
    for (const datatype of ["FP16", "FP32", "FP64", "BF16"] as const) {
      const values = read(datatype, Number.NaN, Infinity, -Infinity, -0, 0, 1.5);
      expect(writeValues(values)).toBe("NaN,Infinity,-Infinity,-0.0,0,1.5");
    }
  });

  it.each([
    ["FP16", 65504, 65519, 65520],
    ["FP32", 3.4028234663852886e38, 3.4028235e38, 3.4028236e38],
    ["BF16", 3.3895313892515355e38, 3.3953e38, 3.3962e38],
  ] as const)(
    "of %s are rounded to the largest, and refused beyond",
    (datatype, largest, near, beyond) => {
      for (const sign of [1, -1]) {
        expect(writeValues(read(datatype, sign * largest, sign * near))).toBe(
          `${sign * largest},${sign * largest}`,
        );
        expect(refusal(() => read(datatype, sign * beyond))).toContain("expected a number ");
      }
    },
  );

  it("take integers of any length within their range", () => {
    expect(writeValues(read("FP64", 2n ** 63n))).toBe("9223372036854776000");
    expect(bits("FP32", 2n ** 63n)).toBe("5f000000");
    expect(bits("BF16", 2n ** 63n)).toBe("5f00");
    for (const datatype of ["FP16", "FP32", "FP64", "BF16"] as const) {
      expect(refusal(() => read(datatype, 10n ** 310n))).toContain("expected a number");
      expect(refusal(() => read(datatype, -(10n ** 310n)))).toContain("expected a number");
    }
  });

  it("of FP16 are rounded to nearest, ties to even", () => {
    expect(bits("FP16", 1 + 2 ** -11)).toBe("3c00");
    expect(bits("FP16", 1 + 2 ** -11 + 2 ** -30)).toBe("3c01");
    expect(bits("FP16", 1 + 3 * 2 ** -11)).toBe("3c02");
    expect(bits("FP16", 2 ** -24)).toBe("0001");
  });

  it("of BF16 are rounded to nearest, ties to even", () => {
    expect(bits("BF16", 1 + 2 ** -8)).toBe("3f80");
    expect(bits("BF16", 1 + 2 ** -8 + 2 ** -20)).toBe("3f81");
    expect(bits("BF16", 1 + 3 * 2 ** -8)).toBe("3f82");
    expect(bits("BF16", -1 - 2 ** -8)).toBe("bf80");
    expect(bits("BF16", Number.NaN)).toBe("7fc0");
    expect(bits("BF16", 2 ** -133)).toBe("0001");
  });

  it("of BF16 are the nearest of all that there are", () => {
    const widened = (half: number) => Buffer.from(Uint32Array.of(half << 16).buffer).readFloatLE();
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, min: Math.fround(-3e38), max: Math.fround(3e38) }),
        (value) => {
          const half = Number.parseInt(bits("BF16", value), 16);
          const distance = Math.abs(widened(half) - value);
          for (const neighbor of [half - 1, half + 1]) {
            if ((neighbor & 0x8000) !== (half & 0x8000)) continue;
            expect(distance).toBeLessThanOrEqual(Math.abs(widened(neighbor) - value));
          }
        },
      ),
    );
  });
});

describe("texts", () => {
  it("with NUL or lone surrogates are refused", () => {
    expect(refusal(() => read("BYTES", "a\0"))).toContain("NUL character");
    expect(refusal(() => read("BYTES", "\ud800"))).toContain("not valid Unicode");
  });

  it("are written with their escapes", () => {
    expect(writeValues(read("BYTES", 'a"b\\\n', "é"))).toBe('"a\\"b\\\\\\n","é"');
  });

  it("are read from bytes, as many as the shape says", () => {
    const texts = [Buffer.from("a"), Buffer.from("é")];
    expect(readTextElements(headOf("BYTES", [2]), texts)).toHaveProperty("strings", ["a", "é"]);
    for (const count of [1, 3]) {
      expect(refusal(() => readTextElements(headOf("BYTES", [count]), texts))).toBe(
        `expected ${count} string elements for inference input 'x' for model 'm', got 2`,
      );
    }
  });
});

it("shows values short and printable", () => {
  expect([null, true, 1.5, 2n ** 64n, Number.NaN, [[1n]], { a: 1n }].map(quoteValue)).toEqual([
    ...["null", "true", "1.5", "18446744073709551616", "NaN", "an array", "an object"],
  ]);
  expect(quoteValue("a\nb")).toBe('"a\ufffdb"');
  expect(quoteValue("a".repeat(100)).length).toBeLessThan(50);
});
