import { describe, expect, it } from "vitest";
import { datatypes } from "../../src/domain/datatype.ts";
import { checkedString } from "../../src/domain/elements.ts";
import {
  idBytesMax,
  inputsMax,
  outputsMax,
  parametersMax,
  stringBytesMax,
  tensorNameBytesMax,
} from "../../src/domain/limits.ts";
import {
  checkCount,
  checkDistinctInputs,
  checkDistinctOutputs,
  checkedDatatype,
  checkedId,
  checkedName,
  responseTooLarge,
} from "../../src/protocol/checks.ts";
import { refusal } from "./refusal.ts";

/** Two bytes of UTF-8, so that bytes are not mistaken for characters. */
const wide = "é";

describe("names", () => {
  it("have up to the maximum of bytes", () => {
    const name = wide.repeat(tensorNameBytesMax / 2);
    expect(checkedName(name, "an input")).toBe(name);
    expect(refusal(() => checkedName(`${name}x`, "an input"))).toBe(
      "the name of an input is longer than 4096 bytes",
    );
  });

  it("are not empty", () => {
    expect(refusal(() => checkedName("", "an output"))).toBe(
      "an output must have a non-empty 'name'",
    );
  });
});

describe("datatypes", () => {
  it("are those of the protocol, spelled as it does", () => {
    for (const datatype of datatypes) expect(checkedDatatype(datatype, "x")).toBe(datatype);
    for (const text of ["", "fp32", "FLOAT", "FP32 ", "STRING", "__proto__", "constructor"]) {
      expect(refusal(() => checkedDatatype(text, "x"))).toContain(`invalid datatype '${text}'`);
    }
  });
});

describe("ids", () => {
  it("have up to the maximum of bytes", () => {
    const id = wide.repeat(idBytesMax / 2);
    expect(checkedId(id)).toBe(id);
    expect(checkedId("")).toBe("");
    expect(refusal(() => checkedId(`${id}x`))).toBe("'id' is longer than 4096 bytes");
  });
});

describe("counts", () => {
  it.each([
    ["inputs", inputsMax],
    ["outputs", outputsMax],
    ["parameters", parametersMax],
  ] as const)("of %s go up to the maximum", (what, max) => {
    expect(() => checkCount(max, what)).not.toThrow();
    expect(refusal(() => checkCount(max + 1, what))).toBe(
      `the request has ${max + 1} ${what}, but at most ${max} are allowed`,
    );
  });
});

describe("repeated names", () => {
  const named = (...names: string[]) =>
    names.map((name) => ({ name, parameters: new Map<string, string>() }));

  it("are refused", () => {
    expect(refusal(() => checkDistinctInputs(named("a", "b", "a")))).toBe(
      "input 'a' already exists in request",
    );
    expect(refusal(() => checkDistinctOutputs(named("OUTPUT0", "OUTPUT0")))).toBe(
      "output 'OUTPUT0' already exists in request",
    );
  });

  it("are told apart by every character", () => {
    const names = named("a", "A", "a ", "__proto__", "constructor");
    expect(() => checkDistinctInputs(names)).not.toThrow();
    expect(() => checkDistinctOutputs(names)).not.toThrow();
    expect(() => checkDistinctInputs([])).not.toThrow();
  });
});

describe("strings", () => {
  it("are taken as they are", () => {
    for (const text of ["", "plain", "größe 模型 🙂", "\u0001\uffff"]) {
      expect(checkedString(text, "x")).toBe(text);
    }
  });

  it("with NUL or lone surrogates are refused", () => {
    expect(refusal(() => checkedString("a\0b", "x"))).toBe(
      "input 'x' holds a string with a NUL character, which is unsupported",
    );
    for (const text of ["\ud800", "a\udc00b", "\udc00\ud800"]) {
      expect(refusal(() => checkedString(text, "x"))).toContain("not valid Unicode");
    }
  });

  it("have up to the maximum of bytes", () => {
    const text = wide.repeat(stringBytesMax / 2);
    expect(checkedString(text, "x")).toBe(text);
    expect(refusal(() => checkedString(`${text}x`, "x"))).toBe(
      "a string of input 'x' is longer than 16777216 bytes",
    );
  });
});

it("quotes names short and printable", () => {
  const name = `a\n\u007f${"b".repeat(1_000)}`;
  const messages = [
    refusal(() => checkedDatatype(name, name)),
    refusal(() => checkDistinctInputs([{ name }, { name }])),
    refusal(() => checkedString("\0", name)),
  ];
  for (const message of messages) {
    expect(message).toContain("a\ufffd\ufffdbbb");
    expect(message.length).toBeLessThan(400);
  }
});

it("says how large a response may be", () => {
  const error = responseTooLarge(11, 10);
  expect(error.kind).toBe("too-large");
  expect(error.message).toContain("the response has at least 11 bytes, but at most 10 are allowed");
});
