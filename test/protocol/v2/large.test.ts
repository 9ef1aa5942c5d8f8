import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import { ServingError } from "../../../src/domain/error.ts";
import { inputsMax, jsonSliceBytes, jsonSliceElements } from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferRequest, InferResponse } from "../../../src/domain/request.ts";
import type { FixedTensor, Tensor } from "../../../src/domain/tensor.ts";
import { decodeBody, type EncodedBody, encodeBody } from "../../../src/protocol/v2/binary.ts";
import { decodeInfer } from "../../../src/protocol/v2/json.ts";
import {
  decodeLargeBody,
  encodeLargeBody,
  isLargeAnswer,
  isLargeBody,
} from "../../../src/protocol/v2/large.ts";
import { scanInfer } from "../../../src/protocol/v2/scanned.ts";
import { cases } from "../../support/cases.ts";
import { tensorInputs, tensorsOf } from "../../support/inputs.ts";
import { refusal } from "../refusal.ts";
import { comparable, contentOf, flatJson, nestedJson, response } from "./arbitraries.ts";

const target = { model: parseModelName("m"), version: undefined };
const noBytes = Buffer.alloc(0);
const numRuns = cases(300);
/** Many cases may take their time. */
const timeoutMs = 30_000 + 50 * numRuns;
const sliceSizes = [1, 2, 3, 7, 64, jsonSliceBytes];

function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** A request in a form that compares bit for bit, or its refusal. */
function outcome(decode: () => InferRequest): unknown {
  try {
    const request = decode();
    return { ...request, inputs: tensorsOf(request.inputs).map(comparable) };
  } catch (error) {
    if (error instanceof ServingError) return `${error.kind}: ${error.message}`;
    throw error;
  }
}

function expectSame(text: string, binary: Buffer = noBytes): unknown {
  const expected = outcome(() => decodeInfer(target, text, binary));
  for (const size of sliceSizes) {
    const got = outcome(() => finish(scanInfer(target, Buffer.from(text), binary, size)));
    expect(got, `${text} in slices of ${size}`).toEqual(expected);
  }
  return expected;
}

const odd = fc.constantFrom(
  ...["null", "true", "false", "0", "1", "-1", "2", "1.5", "NaN", "-Infinity", "1e999", '""'],
  ...["[]", "{}", "[1]", "[[1],[2]]", "[-9223372036854775809]", "268435456", "268435457", '"a"'],
  ...["-99999999999999999999", "18446744073709551616", '"\\u0000"', '"\\ud800"', "[null]", "-0"],
  ...["65504", "65520", "3.5e38", "3.4028235677973366e38", "1e-46", "1e39", "9007199254740993"],
  ...["0.1", "0.30000001192092896", "1.00000017881393432617187500", "9".repeat(50), '{"a":[1]}'],
);
const list = (item: fc.Arbitrary<string>, maxLength = 4) =>
  fc.array(item, { maxLength }).map((items) => `[${items.join(",")}]`);
const mostly = (usual: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 8, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** An object with some of these keys, in any order, some of them twice. */
function keyed(fields: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<string> {
  const pairs = Object.entries(fields).map(([key, value]) =>
    value.map((text) => `${JSON.stringify(key)}:${text}`),
  );
  const few = fc.array(fc.oneof(...pairs), { maxLength: 2 });
  return fc
    .tuple(fc.tuple(...pairs), few, fc.infiniteStream(fc.nat(9)))
    .map(([once, twice, order]) => {
      const keys = [...once, ...twice].map((text) => [order.next().value, text] as const);
      const kept = keys.filter(([place]) => place > 0).sort(([a], [b]) => a - b);
      return `{${kept.map(([, text]) => text).join(",")}}`;
    });
}

const name = mostly(fc.constantFrom('"x"', '"y"', '"__proto__"', '"größe"'));
const parameters = fc.oneof(
  { weight: 4, arbitrary: fc.constant("{}") },
  { weight: 1, arbitrary: keyed({ binary_data_size: odd, classification: odd, p: odd }) },
);
const dims = fc.array(fc.nat(3), { maxLength: 3 }).map((shape) => JSON.stringify(shape));
const input = keyed({
  name,
  datatype: mostly(fc.constantFrom(...datatypes).map((datatype) => `"${datatype}"`)),
  shape: mostly(fc.oneof(dims, list(odd))),
  parameters,
  data: mostly(list(fc.oneof(odd, list(odd)))),
  other: odd,
});
const wellFormed = fc
  .tuple(name, contentOf(...datatypes), fc.boolean(), fc.nat(3))
  .map(([name, content, flat, order]) => {
    const fields = [
      `"name":${name}`,
      `"shape":${JSON.stringify(content.shape)}`,
      `"datatype":"${content.datatype}"`,
    ];
    const elements = flat ? `[${flatJson(content)}]` : nestedJson(content);
    fields.splice(order, 0, `"data":${elements}`);
    return `{${fields.join(",")}}`;
  });
const whole = keyed({
  id: mostly(fc.constantFrom('"1"')),
  parameters,
  inputs: mostly(list(fc.oneof(wellFormed, mostly(input)))),
  outputs: mostly(list(mostly(keyed({ name, parameters })), 2)),
  other: fc.oneof(input, odd),
});

describe("scanInfer", () => {
  it(
    "takes, and refuses in the same words, what decodeInfer does",
    () => {
      const taken = { yes: 0, no: 0 };
      fc.assert(
        fc.property(whole, fc.uint8Array({ maxLength: 2 }), (text, tail) => {
          const result = expectSame(text, Buffer.from(tail.length === 1 ? tail : []));
          taken[typeof result === "string" ? "no" : "yes"] += 1;
        }),
        { numRuns: 4 * numRuns },
      );
      // So that neither side is all that was tried.
      expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(numRuns / 10);
    },
    timeoutMs,
  );

  it.each(datatypes)("takes %s in any order of keys", (datatype) => {
    const keys = ['"name":"x"', `"datatype":"${datatype}"`, '"shape":[2,2]'];
    const content = datatype === "BYTES" ? '[["a","é"],["","b"]]' : "[[1,0],[0,1]]";
    for (const order of [0, 1, 2, 3]) {
      const fields = keys.toSpliced(order, 0, `"data":${content}`);
      expect(expectSame(`{"inputs":[{${fields}}]}`)).toHaveProperty("inputs.0.shape", [2, 2]);
    }
  });

  it("lets the last of equal keys count", () => {
    const head = '"name":"x"';
    for (const fields of [
      `${head},"datatype":"FP32","data":[1,2],"shape":[2],"datatype":"INT8"`,
      `${head},"datatype":"FP32","data":[1,2],"shape":[2],"datatype":"BF17"`,
      `${head},"datatype":"FP64","shape":[1],"data":[1,2],"shape":[2]`,
      `${head},"datatype":"FP64","shape":[-1],"data":[0.1,2],"shape":[2]`,
      `${head},"datatype":"FP64","shape":[3],"data":[0.1,2],"shape":[2]`,
      `${head},"datatype":"INT8","shape":[1],"data":[1,2],"data":[3]`,
      `${head},"datatype":"INT8","shape":[1],"data":[1],"data":null`,
      `${head},"datatype":"INT8","shape":[1],"data":[1],"data":{"data":[1]}`,
      `${head},"datatype":"INT8","shape":[1],"data":"x","data":[[[1]]]`,
    ]) {
      expectSame(`{"inputs":[{${fields}}]}`);
      expectSame(`{"inputs":[{"data":[1]},1],"inputs":[{${fields}}]}`);
    }
  });

  it("takes the most inputs, beside ones that do not count, and not one more", () => {
    const inputs = (count: number) =>
      Array.from(
        { length: count },
        (_, index) => `{"name":"x${index}","shape":[1],"datatype":"INT8","data":[1]}`,
      ).join(",");
    const scan = (text: string) => () =>
      finish(scanInfer(target, Buffer.from(text), noBytes, jsonSliceBytes));
    expect(tensorsOf(scan(`{"inputs":[${inputs(inputsMax)}]}`)().inputs)).toHaveLength(inputsMax);
    const twice = `{"inputs":[${inputs(inputsMax + 9)}],"inputs":[${inputs(inputsMax)}]}`;
    expect(tensorsOf(scan(twice)().inputs)).toHaveLength(inputsMax);
    expect(refusal(scan(`{"inputs":[${inputs(inputsMax + 1)}]}`))).toBe(
      "the request has 1001 inputs, but at most 1000 are allowed",
    );
  });

  it("says what is wrong with the elements as decodeInfer does, once all else is right", () => {
    const many = Array.from({ length: 3_000 }, (_, index): unknown => index % 100);
    const withElements = (elements: unknown[], shape: number[], datatype = "INT8") =>
      JSON.stringify({ inputs: [{ name: "x", datatype, shape, data: elements }] });
    for (const text of [
      withElements(many.toSpliced(2_500, 1, 128), [3_000]),
      withElements(many.toSpliced(2_500, 1, "a"), [3_000]),
      withElements(many.toSpliced(2_500, 1, "a"), [2_000]),
      withElements(many.toSpliced(2_500, 1, "a"), [4_000]),
      withElements(many, [2_999]),
      withElements(many, [3_001]),
      withElements(many.map(String), [2_999], "BYTES"),
      withElements(many.map(String), [3_001], "BYTES"),
      withElements(many.map(String).toSpliced(7, 1, "\0"), [3_001], "BYTES"),
      withElements([1e39, 1], [2], "FP32"),
      withElements(many, [2 ** 28 + 1]),
      withElements(many.toSpliced(9, 1, "a"), [3_000]).replace("INT8", "INT7"),
      `${withElements(many.toSpliced(9, 1, "a"), [3_000])}]`,
    ]) {
      expect(expectSame(text)).toMatch(/^invalid-request: /);
    }
  });

  it("takes no memory for elements that a shape only claims", () => {
    const text = '{"inputs":[{"name":"x","datatype":"FP64","shape":[268435456],"data":[1]}]}';
    const before = process.memoryUsage().arrayBuffers;
    expect(() => finish(scanInfer(target, Buffer.from(text), noBytes))).toThrow("true shape");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});

describe("decodeLargeBody", () => {
  const floats = Array.from({ length: 20_000 }, (_, index) => Math.sin(index));
  const json = JSON.stringify({
    inputs: [
      { name: "größe", datatype: "FP64", shape: [20_000], data: floats },
      { name: "y", datatype: "UINT8", shape: [2], parameters: { binary_data_size: 2 } },
    ],
  });
  const body = Buffer.concat([Buffer.from(json), Buffer.of(1, 2)]);
  const headerLength = `${body.length - 2}`;

  it("decodes what is behind the JSON too, and yields between slices", () => {
    const work = decodeLargeBody(target, body, headerLength);
    let turns = 0;
    let step = work.next();
    for (; !step.done; step = work.next()) turns += 1;
    expect(turns).toBeGreaterThanOrEqual(Math.floor(json.length / jsonSliceBytes));
    expect(outcome(() => step.value ?? expect.fail("nothing was decoded"))).toEqual(
      outcome(() => decodeBody(target, body, headerLength)),
    );
  });

  it("refuses what is not UTF-8 wherever it is, and takes characters wherever they are cut", () => {
    for (const [at, byte] of [
      [20, 0xff],
      [body.length - 10, 0xc3],
      [2 ** 20 - 1, 0x80],
    ] as const) {
      const large = Buffer.concat([body.subarray(0, -2), Buffer.alloc(2 ** 20, " ")]);
      large[at] = byte;
      expect(refusal(() => finish(decodeLargeBody(target, large, undefined)))).toBe(
        "failed to parse the request JSON buffer: it is not valid UTF-8",
      );
    }
    for (let shift = 0; shift < 4; shift += 1) {
      const text = `{${" ".repeat(shift)}"x":"${"🦙".repeat(300_000)}","inputs":[]}`;
      expect(
        tensorsOf(finish(decodeLargeBody(target, Buffer.from(text), undefined)).inputs),
      ).toEqual([]);
    }
  });

  it("is for JSON beyond a slice only", () => {
    const large = Buffer.alloc(jsonSliceBytes + 1);
    expect(isLargeBody(large.subarray(1), undefined)).toBe(false);
    expect(isLargeBody(large, undefined)).toBe(true);
    expect(isLargeBody(large, `${jsonSliceBytes}`)).toBe(false);
    expect(refusal(() => isLargeBody(large, "x"))).toContain("must specify valid");
  });
});

describe("encodeLargeBody", () => {
  const asked = (binary: (boolean | undefined)[]): InferRequest => ({
    ...target,
    id: undefined,
    parameters: new Map(),
    inputs: tensorInputs(),
    outputs: binary.map((value, index) => ({
      name: `${index}`,
      parameters: new Map(value === undefined ? [] : [["binary_data", value]]),
    })),
  });
  const answer = (...outputs: Tensor[]): InferResponse => ({
    model: target.model,
    version: 1,
    id: "é",
    outputs,
  });
  const bytesOf = ({ body, headerLength }: EncodedBody) => ({
    body: Buffer.from(body).toString("latin1"),
    headerLength,
  });
  const floats = (count: number): FixedTensor => ({
    name: "f",
    datatype: "FP32",
    shape: [count],
    bytes: new Uint8Array(Float32Array.from({ length: count }, (_, at) => Math.tan(at)).buffer),
  });
  const texts = (...strings: string[]): Tensor => ({
    name: "t",
    datatype: "BYTES",
    shape: [strings.length],
    strings,
  });

  it("writes what encodeBody writes", () => {
    const binary = fc.array(fc.constantFrom(true, false, undefined), { maxLength: 3 });
    fc.assert(
      fc.property(response, binary, (response, binary) => {
        const request = asked(binary);
        expect(bytesOf(finish(encodeLargeBody(response, request)))).toEqual(
          bytesOf(encodeBody(response, request)),
        );
      }),
      { numRuns },
    );
    for (const count of [0, 1, jsonSliceElements, jsonSliceElements + 1, 50_001]) {
      const response = answer(floats(count), texts("a"), floats(3));
      for (const request of [asked([]), asked([false, undefined, true]), asked([true])]) {
        expect(bytesOf(finish(encodeLargeBody(response, request)))).toEqual(
          bytesOf(encodeBody(response, request)),
        );
      }
    }
  });

  it("writes long strings in pieces, but never half a character", () => {
    for (const text of ["🦙", "\ud800", "\u0001a", 'é"', "abc"]) {
      for (const before of ["", "x"]) {
        const long = before + text.repeat(jsonSliceBytes);
        const response = answer(texts(long, "", long.slice(0, jsonSliceBytes)));
        expect(bytesOf(finish(encodeLargeBody(response, asked([]))))).toEqual(
          bytesOf(encodeBody(response, asked([]))),
        );
      }
    }
  });

  it("is for more than a slice of JSON only", () => {
    const large = (tensor: Tensor, binary?: boolean) =>
      isLargeAnswer(answer(tensor), asked([binary]));
    expect(large(floats(jsonSliceElements))).toBe(false);
    expect(large(floats(jsonSliceElements + 1))).toBe(true);
    expect(large(floats(jsonSliceElements + 1), true)).toBe(false);
    expect(large(texts("a".repeat(jsonSliceBytes - 3)))).toBe(false);
    expect(large(texts("a".repeat(jsonSliceBytes - 2)))).toBe(true);
  });

  it("refuses more than the maximum, before it is written where that is certain", () => {
    const response = answer(floats(50_000));
    const size = finish(encodeLargeBody(response, asked([]))).body.length;
    const encode = (bytesMax: number) => () =>
      finish(encodeLargeBody(response, asked([]), bytesMax));
    expect(encode(size)().body).toHaveLength(size);
    expect(refusal(encode(size - 1), "too-large")).toContain(`at most ${size - 1} are allowed`);
    expect(refusal(() => encodeLargeBody(response, asked([]), 99_999).next(), "too-large")).toBe(
      "the response has at least 100000 bytes, but at most 99999 are allowed; " +
        "ask for fewer outputs",
    );
  });
});
