import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonDepthError, JsonError, type JsonValue, parseJson } from "../../src/wire/json.ts";
import { cases } from "../support/cases.ts";

const depthMax = 100;
const parse = (text: string) => parseJson(text, depthMax);
/** Not in any range that a double holds exactly, so the exact parser reads the whole text. */
const long = "9007199254740993";

/** A value with its keys in order and its bigints rounded, so that both parsers' are comparable. */
function canonical(value: JsonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, canonical(item)]));
}

/** What was read, or that the text was refused as JSON: anything else is thrown on. */
function outcome(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch (thrown) {
    if (thrown instanceof JsonError || thrown instanceof SyntaxError) return "refused";
    throw thrown;
  }
}

function error(text: string): unknown {
  try {
    parse(text);
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe("parseJson", () => {
  it("agrees with JSON.parse", () => {
    const texts = fc.json({ maxDepth: 6, stringUnit: "binary" });
    fc.assert(
      fc.property(texts, fc.constantFrom("", " ", "\n\t\r "), (text, space) => {
        const expected = canonical(JSON.parse(text));
        expect(canonical(parse(space + text + space))).toEqual(expected);
        expect(canonical(parse(`[${long}${space},${space}${text}]`))).toEqual([
          2 ** 53,
          canonical(JSON.parse(text)),
        ]);
      }),
      { numRuns: cases(1_000) },
    );
  });

  it("takes exactly the texts that JSON.parse takes, but for the widenings", () => {
    const pieces = fc.constantFrom(
      ...["[", "]", "{", "}", ",", ":", '"', "\\", "\\u12", "0", "-", "1", ".", "e", "+", " "],
      ...["true", "null", "nul", "\u0001", "\u00a0", "\ufeff", "é", long, '"a"', '"a":', "1.5e3"],
    );
    const soup = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.nat(4), pieces)
      .map(([text, at, cut, piece]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + piece + text.slice(start + cut);
      });
    fc.assert(
      fc.property(fc.oneof(soup, mutated), (text) => {
        for (const whole of [text, `[${long},${text}]`]) {
          const expected = outcome(() => canonical(JSON.parse(whole)));
          expect(outcome(() => canonical(parse(whole)))).toEqual(expected);
        }
      }),
      { numRuns: cases(4_000) },
    );
  });

  it("keeps every digit of an integer", () => {
    const integers = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n });
    fc.assert(
      fc.property(integers, (integer) => {
        const safe = Number.isSafeInteger(Number(integer));
        expect(parse(`[${integer}]`)).toEqual([safe ? Number(integer) : integer]);
      }),
    );
  });

  it("gives numbers up to 2^53 - 1 and bigints from there", () => {
    expect(parse("9007199254740991")).toBe(9007199254740991);
    expect(parse("-9007199254740991")).toBe(-9007199254740991);
    expect(parse("9007199254740992")).toBe(9007199254740992n);
    expect(parse("-9007199254740992")).toBe(-9007199254740992n);
    expect(parse("9223372036854775807")).toBe(9223372036854775807n);
    expect(parse("18446744073709551615")).toBe(18446744073709551615n);
  });

  it("gives doubles for fractions and exponents of any length", () => {
    expect(parse("0.1234567890123456789")).toBe(0.12345678901234568);
    expect(parse("12345678901234567890e-3")).toBe(12345678901234568);
    expect(parse("[-0, 0.0, 1E+2]")).toEqual([-0, 0, 100]);
    expect(parse(`[${long}, -0]`)).toEqual([9007199254740993n, -0]);
  });

  it("takes an integer of 400 digits, not of 401", () => {
    expect(parse("9".repeat(400))).toBe(10n ** 400n - 1n);
    expect(error("9".repeat(401))).toBeInstanceOf(JsonError);
  });

  it("reads digits in strings as they are", () => {
    const text = '{"12345678901234567890":"\\"12345678901234567890\\\\"}';
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it("takes NaN, Infinity and -Infinity as Python writes them", () => {
    expect(parse("[NaN, Infinity, -Infinity]")).toEqual([Number.NaN, Infinity, -Infinity]);
    expect(parse('{"a":NaN}')).toEqual({ a: Number.NaN });
    for (const text of [
      "nan",
      "-NaN",
      "+Infinity",
      "inf",
      "Infinit",
      "NaNN",
      "True",
      "undefined",
    ]) {
      expect(error(text)).toBeInstanceOf(JsonError);
    }
  });

  it.each([
    "",
    " ",
    "1,,2",
    "[1,,2]",
    "[1,]",
    "[,1]",
    "01",
    "[-01]",
    "+1",
    "1.",
    ".5",
    "1.e3",
    "1e",
    "1e+",
    "-",
    "0x10",
    "[",
    "]",
    "[1",
    "[1}",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1]',
    '{"a":1,}',
    "{,}",
    "{a:1}",
    "{'a':1}",
    "{1:2}",
    '{"a" 1}',
    '"abc',
    '"\\"',
    '"\\x"',
    '"\\u12G4"',
    '"\n"',
    '"\u0000"',
    "[1] 2",
    "{} {}",
    "[1]]",
    "null null",
    "tru",
    "[1 2]",
    "\ufeff[]",
    "[1]\u00a0",
    "// comment\n1",
  ])("refuses %j, and inside of an exact array too", (text) => {
    expect(error(text)).toBeInstanceOf(JsonError);
    if (text.trim() !== "") expect(error(`[${long},${text}]`)).toBeInstanceOf(JsonError);
  });

  it("says what it expected, where, and what it found", () => {
    expect(() => parse("[1,,2]")).toThrow('expected a value at character 3, but found ","');
    expect(() => parse('{"a":1')).toThrow("expected ',' or '}' at character 6, but the text ends");
    expect(() => parse("[1] 2")).toThrow("expected the end of the text at character 4");
    expect(() => parse('{"a" 1}')).toThrow("expected ':' at character 5");
    expect(() => parse("{a:1}")).toThrow("expected a quoted key at character 1");
    expect(() => parse('["\\x"]')).toThrow("expected a string without control characters");
  });

  it("keeps a __proto__ key to itself", () => {
    for (const text of ['{"__proto__":{"evil":1}}', `{"__proto__":{"evil":${long}}}`]) {
      const value = parse(text);
      expect(Object.keys(Object(value))).toEqual(["__proto__"]);
      expect(Reflect.get(Object(value), "evil")).toBeUndefined();
      expect(Reflect.get({}, "evil")).toBeUndefined();
    }
  });

  it("takes literals beside long numbers", () => {
    const value = { long: 9007199254740993n, id: null, yes: true, no: false };
    expect(parse(`{"long":${long},"id":null,"yes":true,"no":false}`)).toEqual(value);
  });

  it("keeps the last of equal keys", () => {
    expect(parse('{"a":1,"a":2}')).toEqual({ a: 2 });
    expect(canonical(parse(`{"a":1,"a":${long}}`))).toEqual(new Map([["a", 2 ** 53]]));
  });
});

describe("nesting", () => {
  const nested = (depth: number, inner: string) => "[".repeat(depth) + inner + "]".repeat(depth);

  it.each(["", "1", long, "NaN"])("is taken to a depth of 100, not of 101, around %j", (inner) => {
    expect(() => parse(nested(100, inner))).not.toThrow();
    expect(error(nested(101, inner))).toBeInstanceOf(JsonDepthError);
  });

  it("counts objects and arrays alike", () => {
    const pairs = (count: number) => '{"a":['.repeat(count) + "]}".repeat(count);
    expect(() => parse(pairs(50))).not.toThrow();
    expect(error(`[${pairs(50)}]`)).toBeInstanceOf(JsonDepthError);
  });

  it("counts what is open, not what was opened", () => {
    expect(() => parse(`[${Array(300).fill("[]").join(",")}]`)).not.toThrow();
  });

  it("does not count brackets in strings", () => {
    const brackets = "[".repeat(500);
    expect(parse(`["\\\\\\"${brackets}"]`)).toEqual([`\\"${brackets}`]);
  });

  it("is refused in Triton's words, before the text is parsed", () => {
    expect(() => parse("[".repeat(1_000_000))).toThrow(
      "JSON nesting depth exceeds maximum allowed limit (100) at character 100",
    );
    expect(error(`${"]".repeat(500)}${"[".repeat(550)}`)).toBeInstanceOf(JsonError);
  });
});
