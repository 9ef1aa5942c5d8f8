import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonError, type JsonValue, parseJson } from "../../src/wire/json.ts";
import { type ArraySink, type Claims, JsonScanner } from "../../src/wire/json-scanner.ts";
import { cases } from "../support/cases.ts";

const depthMax = 100;
const numRuns = cases(300);
/** Many cases may take their time. */
const timeoutMs = 30_000 + 20 * numRuns;
/** So that a step ends at every place of every token, and at none. */
const sliceSizes = [1, 2, 3, 7, 64, 65_536];

const buildAll: Claims = () => "build";

/** The value, or the message of the refusal. */
function scan(text: string, sliceBytes: number, claims = buildAll): unknown {
  return outcome(() => {
    const scanner = new JsonScanner(Buffer.from(text), depthMax, claims);
    while (!scanner.step(sliceBytes));
    return scanner.value;
  });
}

function outcome(read: () => JsonValue): unknown {
  try {
    return { value: canonical(read()) };
  } catch (error) {
    if (error instanceof JsonError) return `${error.constructor.name}: ${error.message}`;
    throw error;
  }
}

/** Without the difference of an object's prototype; with the order of its keys. */
function canonical(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, canonical(item)]));
}

function expectSame(text: string): void {
  const expected = outcome(() => parseJson(text, depthMax));
  for (const size of sliceSizes) expect(scan(text, size), `in slices of ${size}`).toEqual(expected);
}

/** A sink that makes the flat array which it takes. */
class Gathered implements ArraySink {
  readonly placeholder: JsonValue[] = [];
  readonly single: boolean;
  readonly elements: JsonValue[] = [];
  text: [number, number] | undefined;

  constructor(single = false) {
    this.single = single;
  }

  numbers(run: Float64Array, count: number): void {
    this.elements.push(...run.subarray(0, count));
  }

  value(value: JsonValue): void {
    this.elements.push(value);
  }

  end(start: number, end: number): void {
    this.text = [start, end];
  }
}

function gather(text: string, sliceBytes: number, single = false): Gathered {
  const sink = new Gathered(single);
  const scanner = new JsonScanner(Buffer.from(text), depthMax, () => sink);
  while (!scanner.step(sliceBytes));
  return sink;
}

/** Texts of numbers as encoders and people write them. */
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const numberText = fc.oneof(
  double.map(String),
  double.map((number) => number.toExponential()),
  double.map((number) => number.toPrecision(17)),
  fc.double({ min: -1, max: 1, noNaN: true }).map((number) => number.toFixed(4)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc
    .tuple(
      fc.constantFrom("", "-"),
      digits(25).map((text) => text.replace(/^0+(?=.)/, "")),
      fc.option(digits(25), { nil: undefined }),
      fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "e-"), digits(3)), { nil: undefined }),
    )
    .map(([sign, whole, fraction, exponent]) => {
      const rest = fraction === undefined ? "" : `.${fraction}`;
      return `${sign}${whole}${rest}${exponent === undefined ? "" : exponent.join("")}`;
    }),
);

/** Just at, above and below the middle of two FP32s, to many digits. */
const tieText = fc
  .tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1, -1), fc.nat(12))
  .map(([float, side, zeros]) => {
    const bits = new Uint32Array(Float32Array.of(float).buffer);
    const next = new Float32Array(Uint32Array.of((bits[0] ?? 0) + 1).buffer)[0] ?? 0;
    const middle = (float + next) / 2;
    if (!Number.isFinite(middle)) return "0";
    const text = middle.toExponential(20 + zeros);
    if (side === 0) return text;
    return text.replace(/([0-9])e/, (_, digit) => `${(Number(digit) + 10 + side) % 10}e`);
  });

const edges = [
  ...[
    "0",
    "-0",
    "-0.0",
    "0e5",
    "0.000",
    "-0.0e-400",
    "1e22",
    "1e23",
    "9007199254740993.0",
    "1e-22",
  ],
  ...["9007199254740991", "9007199254740992", "-9007199254740992", "9007199254740993e0"],
  ...["5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308"],
  ...["1.7976931348623157e308", "1.7976931348623159e308", "-1e309", "1e400", "1e-400"],
  ...["3.4028234663852886e38", "3.4028235677973366e38", "3.4028235677973365e38", "1e39"],
  ...["1.401298464324817e-45", "7.006492321624085e-46", "7.006492321624086e-46"],
  ...["1.1754943508222875e-38", "1.1754942807573643e-38", "16777217", "16777219", "1e100000000"],
  ...["0.1e-1000000000000", "123456789012345678", "1234567890123456789.5", "999999999999999999e3"],
  ...["9223372036854775807", "-9223372036854775808", "18446744073709551615"],
  `0.${"0".repeat(400)}1`,
  `1${"0".repeat(398)}.0`,
  `${"9".repeat(30)}.${"9".repeat(30)}`,
];

const bits = (values: readonly JsonValue[]) =>
  values.map((value) => (typeof value === "number" && Object.is(value, -0) ? "-0" : value));

describe("numbers", { timeout: timeoutMs }, () => {
  const expectExact = (texts: readonly string[]) => {
    const text = `[${texts.join(",")}]`;
    const parsed = parseJson(text, depthMax);
    for (const size of [1, 64, 65_536]) {
      expect(bits(gather(text, size).elements)).toEqual(bits(Array.isArray(parsed) ? parsed : []));
    }
    expectSame(text);
    const singles = gather(text, 64, true).elements.map((value) => Math.fround(Number(value)));
    expect(bits(singles)).toEqual(bits(texts.map((number) => Math.fround(Number(number)))));
  };

  it("of the edges are what Number gives, and Math.fround of it", () => {
    expectExact(edges);
    for (const edge of edges) expectExact([edge]);
  });

  it("of any text are what Number gives, and Math.fround of it", () => {
    const texts = fc.array(fc.oneof(numberText, tieText), { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(texts, expectExact), { numRuns });
  });

  it("come in their order, between what are none", () => {
    const text = '[1,[2,"a",[]],[[null]],{"b":[3]},true, 4 ,\n5, 9007199254740993,6,NaN]';
    for (const size of sliceSizes) {
      expect(gather(text, size).elements).toEqual([
        1,
        2,
        "a",
        null,
        {},
        true,
        4,
        5,
        9007199254740993n,
        6,
        Number.NaN,
      ]);
    }
  });

  it("of more than one run arrive all", () => {
    const numbers = Array.from({ length: 5_000 }, (_, index) => index / 8);
    for (const size of [7, 65_536]) {
      expect(gather(JSON.stringify(numbers), size).elements).toEqual(numbers);
    }
  });
});

const pieces = fc.constantFrom(
  ...["[", "]", "{", "}", ",", ":", '"', "\\", "\\u12", "0", "-", "1", ".", "e", "+", " ", "\n"],
  ...["true", "null", "nul", "NaN", "-Infinity", "\u0001", "\u00a0", "\ufeff", "é", "🦙", '"a"'],
  ...["9007199254740993", '"a":', "1.5e3", '"\\ud83d\\ude00"', "\\ud800", "é".repeat(9)],
);

describe("any text", { timeout: timeoutMs }, () => {
  it("that is JSON has the value that parseJson gives", () => {
    const space = fc.constantFrom("", " ", "\n\t\r ");
    fc.assert(
      fc.property(fc.json({ maxDepth: 6, stringUnit: "binary" }), space, (text, around) => {
        expectSame(around + text + around);
        expectSame(`[9007199254740993${around},${around}${text}]`);
      }),
      { numRuns },
    );
  });

  it("that is none, or only almost, is refused in the words of parseJson", () => {
    const soup = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
    const mutated = fc
      .tuple(fc.json({ stringUnit: "binary" }), fc.nat(), fc.nat(4), pieces)
      .map(([text, at, cut, piece]) => {
        const start = at % (text.length + 1);
        return (text.slice(0, start) + piece + text.slice(start + cut)).toWellFormed();
      });
    fc.assert(fc.property(fc.oneof(soup, mutated), expectSame), { numRuns: 4 * numRuns });
  });

  it("has strings of any escapes", () => {
    const unit = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      fc.constantFrom('"', "\\", "/", "\b", "\f", "\n", "\r", "\t", "\u0000", "\ud800", "\udfff"),
    );
    const escaped = fc.tuple(unit, fc.boolean()).map(([text, long]) => {
      const hex = (code: number) => `\\u${code.toString(16).padStart(4, "0")}`;
      if (!long) return JSON.stringify(text).slice(1, -1);
      return Array.from({ length: text.length }, (_, at) => hex(text.charCodeAt(at))).join("");
    });
    fc.assert(
      fc.property(fc.array(escaped, { maxLength: 30 }), (parts) => {
        const string = `"${parts.join("")}"`;
        expectSame(string);
        expectSame(`{${string}:[${string},"\\/"]}`);
      }),
      { numRuns },
    );
  });

  it.each([
    ...["", " ", "1,,2", "[1,,2]", "[1,]", "[,1]", "01", "[-01]", "+1", "1.", ".5", "1.e3", "1e"],
    ...["1e+", "-", "[", "]", "[1", "[1}", "{", '{"a"', '{"a":', '{"a":1', '{"a":1]', '{"a":1,}'],
    ...["{,}", "{a:1}", '"abc', '"\\"', '"\\x"', '"\\u12G4"', '"\\u1"', '"\\u', '"\n"', "[1] 2"],
    ...["1234.", "12345.", "123456789.", "1234567890.", "12345.e1", "1e5.", "1.5.5", "00.5", "-00"],
    ...["0000000000", "01e5", "123456789e", "1234567890e+", "12345.1234567e-", "1.12345678.1"],
    ...["null null", "tru", "[1 2]", "-NaN", "NaNN", "Infinit", "-Infinityx", "abcdefghijkl"],
    ...["é[", '["é",}', '["🦙" 🦙]', '{"🦙"🦙', "9".repeat(400), `-${"9".repeat(399)}`],
    ...["9".repeat(401), `-${"9".repeat(400)}`, `[${"9".repeat(401)},]`],
  ])("as %j is taken or refused as parseJson does", (text) => {
    expectSame(text);
    expectSame(`[1,${text}]`);
    expectSame(`{"a":${text}}`);
  });

  it("that nests too deep is refused for that first, wherever it is", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    for (const text of [
      nested(100),
      nested(101),
      "[".repeat(10_000),
      `[1,,2,"é]\\"[",${nested(99)}]`,
      `[1,,2,"é]\\"[",${nested(100)}]`,
      `{"é":\n${nested(100)}`,
      `["\u0001",${nested(100)}]`,
      `${"]".repeat(50)}${"[".repeat(150)}`,
      `${"]".repeat(50)}${"[".repeat(151)}`,
      `["abc${nested(200)}`,
    ]) {
      expectSame(text);
    }
  });
});

describe("claims", { timeout: timeoutMs }, () => {
  const text =
    '{"a":{"skip":[1,{"b":2}],"keep":[1,[2]]},"skip":"x","list":[{"take":[[1],[2]],"n":1}],"take":3}';

  it("are asked with the keys above a value, and with its object so far", () => {
    const asked: string[] = [];
    const claims: Claims = (path, owner) => {
      asked.push(`${path.map((key) => key ?? "#").join(".")} ${Object.keys(owner ?? {})}`);
      return "build";
    };
    scan(text, 1, claims);
    expect(asked).toEqual([
      ...[" ", "a ", "a.skip ", "a.skip.#.b ", "a.keep skip", "skip a", "list a,skip"],
      ...["list.#.take ", "list.#.n take", "take a,skip,list"],
    ]);
  });

  it("skip what nobody wants, and give arrays away", () => {
    for (const size of sliceSizes) {
      const sinks: Gathered[] = [];
      const claims: Claims = (path) => {
        if (path.at(-1) === "skip") return "skip";
        if (path.at(-1) !== "take") return "build";
        sinks.push(new Gathered());
        return sinks.at(-1) ?? "build";
      };
      const scanner = new JsonScanner(Buffer.from(text), depthMax, claims);
      while (!scanner.step(size));
      expect(canonical(scanner.value)).toEqual(
        canonical({ a: { keep: [1, [2]] }, list: [{ take: [], n: 1 }], take: 3 }),
      );
      expect(sinks.map(({ elements }) => elements)).toEqual([[1, 2], []]);
      expect(text.slice(...(sinks[0]?.text ?? []))).toBe("[[1],[2]]");
    }
  });

  it("do not let through what is no JSON", () => {
    const claims: Claims[] = [() => "skip", () => new Gathered(), buildAll];
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 12 }),
        fc.constantFrom(...claims),
        (parts, claim) => {
          for (const text of [
            parts.join(""),
            `[${parts.join(",")}]`,
            `{"a":[${parts.join(",")}]}`,
          ]) {
            const expected = outcome(() => parseJson(text, depthMax));
            const got = scan(text, 3, claim);
            if (typeof expected === "string") expect(got).toBe(expected);
            else expect(got).toHaveProperty("value");
          }
        },
      ),
      { numRuns },
    );
  });
});
