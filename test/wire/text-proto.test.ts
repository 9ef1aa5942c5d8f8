import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseTextProto,
  type TextMessage,
  TextProtoError,
  type TextValue,
} from "../../src/wire/text-proto.ts";
import { cases } from "../support/cases.ts";

const plain = (fields: TextMessage): unknown =>
  Object.fromEntries([...fields].map(([name, values]) => [name, values.map(value)]));

function value(given: TextValue): unknown {
  if (given.kind === "message") return plain(given.fields);
  return given.kind === "string" ? JSON.stringify(given.text) : given.text;
}

const parse = (text: string) => plain(parseTextProto(text, 5));

describe("the text format", () => {
  it.each([
    ["", {}],
    ["# nothing\n", {}],
    ["a: 1 b: 2", { a: ["1"], b: ["2"] }],
    ["a: 1, b: 2; c: 3", { a: ["1"], b: ["2"], c: ["3"] }],
    ["a: 1 a: 2", { a: ["1", "2"] }],
    ["a: [1, -2, 3]", { a: ["1", "-2", "3"] }],
    ["a: []", { a: [] }],
    ["a { b: 1 } a: { b: 2 } a < b: 3 >", { a: [{ b: ["1"] }, { b: ["2"] }, { b: ["3"] }] }],
    ["a [ { b: 1 }, { b: 2 } ]", { a: [{ b: ["1"] }, { b: ["2"] }] }],
    ["a: 'it''s' b: \"x\" \"y\"", { a: ['"its"'], b: ['"xy"'] }],
    [String.raw`a: "\n\"\\\x41\101é\303\251"`, { a: [JSON.stringify('\n"\\AAéé')] }],
    [
      "a: 1.5e-3 b: .5f c: -inf d: 0x1F e: 1e+5",
      {
        a: ["1.5e-3"],
        b: [".5f"],
        c: ["-inf"],
        d: ["0x1F"],
        e: ["1e+5"],
      },
    ],
    ["a: TYPE_FP32 # a comment\nb: true", { a: ["TYPE_FP32"], b: ["true"] }],
    ["[x.y/z.T] { a: 1 }", { "[x.y/z.T]": [{ a: ["1"] }] }],
    ["a{}b{c{d{e:1}}}", { a: [{}], b: [{ c: [{ d: [{ e: ["1"] }] }] }] }],
  ])("reads %j", (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it.each([
    ["a", "line 1: expected ':' or '{', got the end"],
    ["a:", "expected a value, got the end"],
    ["a {", "expected a field's name, got the end"],
    ["\n\na: }", "line 3: expected a value, got '}'"],
    ["a: [1 2]", "expected ',' or ']', got '2'"],
    ["a: [1,", "expected a value, got the end"],
    ['a: "x', "a string has no end"],
    ['a: "x\ny"', "a string has no end"],
    ['a: "\\', "a string has no end"],
    ["1: 2", "expected a field's name, got '1'"],
    ["} a: 1", "expected a field's name, got '}'"],
    ["[a", "the end of the name [a"],
  ])("says what is wrong with %j", (text, problem) => {
    expect(() => parse(text)).toThrow(problem);
  });

  it("bounds the depth, at n and n + 1", () => {
    const nested = (depth: number) => "a{".repeat(depth) + "}".repeat(depth);
    expect(() => parse(nested(5))).not.toThrow();
    expect(() => parse(nested(6))).toThrow("nested 6 deep");
    expect(() => parse("a{".repeat(1_000_000))).toThrow("nested 6 deep");
  });

  it("throws nothing else, whatever the text", () => {
    const piece = fc.constantFrom(
      "a",
      ":",
      "{",
      "}",
      "[",
      "]",
      "<",
      ">",
      '"',
      "'",
      "\\",
      "\n",
      "1",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TextProtoError);
        }
      }),
      { numRuns: cases(2_000) },
    );
  });
});
