import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import { responseBytesMax } from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferRequest, ParameterValue } from "../../../src/domain/request.ts";
import { decodeBody, encodeBody } from "../../../src/protocol/v2/binary.ts";
import { cases } from "../../support/cases.ts";
import { tensorInputs, tensorsOf } from "../../support/inputs.ts";
import { expectOnly, refusal } from "../refusal.ts";
import { comparable, response } from "./arbitraries.ts";

const target = { model: parseModelName("m"), version: undefined };
const json =
  '{"id":"1","parameters":{"p":9007199254740993},"inputs":[' +
  '{"name":"x","datatype":"INT64","shape":[2],"data":[[1],[9223372036854775807]]},' +
  '{"name":"y","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}],' +
  '"outputs":[{"name":"z","parameters":{"binary_data":true}}]}';
const body = Buffer.concat([Buffer.from(json), Buffer.of(1, 0, 0, 0, 0x61)]);

/** A request whose outputs ask for binary as given; no outputs where none is. */
function request(own: (ParameterValue | undefined)[], all?: ParameterValue): InferRequest {
  const parameters = (key: string, value: ParameterValue | undefined) =>
    new Map(value === undefined ? [] : [[key, value]]);
  return {
    ...target,
    id: undefined,
    parameters: parameters("binary_data_output", all),
    inputs: tensorInputs(),
    outputs: own.map((value, index) => ({
      name: `${index}`,
      parameters: parameters("binary_data", value),
    })),
  };
}

const bytes = (name: string) =>
  ({ name, datatype: "UINT8", shape: [2], bytes: Uint8Array.of(1, 2) }) as const;
const answer = {
  model: target.model,
  version: 1,
  id: undefined,
  outputs: [bytes("0"), bytes("1")],
};

describe("decodeBody", () => {
  it("takes JSON of the length that the header gives, then the binary tensors", () => {
    const { inputs } = decodeBody(target, body, `${json.length}`);
    expect(tensorsOf(inputs)).toMatchObject([{ name: "x" }, { name: "y", strings: ["a"] }]);
  });

  it("takes all as JSON without the header, or with one of the whole length", () => {
    const plain = Buffer.from(
      '{"inputs":[{"name":"größe","datatype":"INT8","shape":[1],"data":[1]}]}',
    );
    for (const length of [undefined, `${plain.length}`, `00${plain.length}`]) {
      expect(tensorsOf(decodeBody(target, plain, length).inputs)).toMatchObject([
        { name: "größe" },
      ]);
    }
    expect(refusal(() => decodeBody(target, plain, `${plain.length - 1}`))).toContain(
      "failed to parse the request JSON buffer",
    );
  });

  it.each(["", "-1", "+1", "1.0", "1e1", "0x1", " 1", "1,1", "abc", "9".repeat(16)])(
    "refuses a header length of %j",
    (length) => {
      expect(refusal(() => decodeBody(target, body, length))).toContain(
        "must specify valid 'Infer-Header-Content-Length' in request header",
      );
    },
  );

  it.each(["0", "00"])("takes the body as the only input for a length of %s", (length) => {
    const raw = decodeBody(target, body, length);
    expect(raw).toMatchObject({ ...target, inputs: { kind: "raw" }, outputs: [] });
    expect(raw.inputs).toEqual({ kind: "raw", bytes: body });
    const { headerLength } = encodeBody(answer, raw);
    expect(headerLength).toBeGreaterThan(0);
  });

  it.each([body.length + 1, 999_999_999_999_999])("refuses a header length of %d", (length) => {
    const message = refusal(() => decodeBody(target, body, `${length}`));
    expect(message).toContain("inference header size should be in range (0, ");
    expect(message).toContain(`, got: ${length}`);
  });
});

describe("encodeBody", () => {
  it("sends JSON alone unless binary is asked for", () => {
    for (const asked of [request([]), request([false, false], true), request([1, "true"])]) {
      const encoded = encodeBody(answer, asked);
      expect(encoded.headerLength).toBeUndefined();
      expect(JSON.parse(String(encoded.body))).toMatchObject({
        outputs: [{ data: [1, 2] }, { data: [1, 2] }],
      });
    }
  });

  it("sends each output as it was asked for, binary after the JSON", () => {
    for (const asked of [request([undefined, false], true), request([true])]) {
      const { body, headerLength } = encodeBody(answer, asked);
      const sent = Buffer.from(body);
      expect(JSON.parse(sent.toString("utf8", 0, headerLength))).toMatchObject({
        outputs: [{ parameters: { binary_data_size: 2 } }, { data: [1, 2] }],
      });
      expect(sent.subarray(headerLength)).toEqual(Buffer.of(1, 2));
    }
  });

  it("sends binary that decodes to the same tensors", () => {
    fc.assert(
      fc.property(response, (response) => {
        fc.pre(response.outputs.length > 0);
        fc.pre(new Set(response.outputs.map(({ name }) => name)).size === response.outputs.length);
        const { body, headerLength = 0 } = encodeBody(response, request([], true));
        const sent = Buffer.from(body);
        const json = sent.toString("utf8", 0, headerLength);
        const head = Buffer.from(json.replace('"outputs":[', '"inputs":['));
        const back = Buffer.concat([head, sent.subarray(headerLength)]);
        const { inputs } = decodeBody(target, back, `${head.length}`);
        expect(tensorsOf(inputs).map(comparable)).toEqual(response.outputs.map(comparable));
      }),
      { numRuns: 300 },
    );
  });

  it("refuses a response that is too large", () => {
    const large = {
      ...bytes("0"),
      shape: [responseBytesMax],
      bytes: Buffer.alloc(responseBytesMax),
    };
    expect(
      refusal(() => encodeBody({ ...answer, outputs: [large] }, request([true])), "too-large"),
    ).toContain(`at most ${responseBytesMax} are allowed`);
  });
});

describe("any body", () => {
  const header = fc.option(
    fc.oneof(fc.nat(300).map(String), fc.constant(`${json.length}`), fc.string({ maxLength: 4 })),
    { nil: undefined },
  );
  const check = (body: Uint8Array | string, length: string | undefined) =>
    expectOnly(["invalid-request"], () => decodeBody(target, Buffer.from(body), length));

  it("of random bytes or text is refused as a client's mistake", () => {
    const texts = fc.oneof(fc.string({ unit: "binary" }), fc.json({ stringUnit: "binary" }));
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), texts), header, check), {
      numRuns: cases(2_000),
    });
  });

  it("that was cut and patched is taken, or refused as a client's mistake", () => {
    const patch = fc.tuple(
      fc.nat(body.length),
      fc.nat(6),
      fc.oneof(
        fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom("null", "-", "1", "[", "]", "{", "}", ",", '"', "NaN", "1e999", "\\u0000")
          .map((text) => Buffer.from(text)),
        fc
          .constantFrom("-9223372036854775809", "99999999999999999999")
          .map((text) => Buffer.from(text)),
      ),
    );
    fc.assert(
      fc.property(fc.array(patch, { minLength: 1, maxLength: 3 }), header, (patches, length) => {
        let patched = body;
        for (const [at, cut, bytes] of patches) {
          patched = Buffer.concat([patched.subarray(0, at), bytes, patched.subarray(at + cut)]);
        }
        check(patched, length);
      }),
      { numRuns: cases(3_000) },
    );
  });

  it("with the right keys and any values is taken, or refused as a client's mistake", () => {
    const odd = fc.constantFrom(
      ...["null", "true", "0", "1", "-1", "2", "1.5", "NaN", "-Infinity", "1e999", '""', '"a"'],
      ...["[]", "{}", "[1]", "[[1],[2]]", "[-9223372036854775809]", "268435456", "268435457"],
      ...["-99999999999999999999", "18446744073709551616", '"\\u0000"', '"\\ud800"', "[null]"],
    );
    const list = (item: fc.Arbitrary<string>) =>
      fc.array(item, { maxLength: 3 }).map((items) => `[${items.join(",")}]`);
    /** An object with these keys, some of them missing. */
    const keyed = (fields: Record<string, fc.Arbitrary<string>>) =>
      fc
        .record(fields, { requiredKeys: [] })
        .map((values) => `{${Object.entries(values).map(([key, value]) => `"${key}":${value}`)}}`);
    const mostly = (usual: fc.Arbitrary<string>) =>
      fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: odd });
    const name = mostly(fc.constantFrom('"x"', '"y"', '"__proto__"'));
    const parameters = mostly(keyed({ binary_data_size: odd, classification: odd, p: odd }));
    const input = keyed({
      name,
      datatype: mostly(fc.constantFrom(...datatypes).map((datatype) => `"${datatype}"`)),
      shape: mostly(list(odd)),
      parameters,
      data: mostly(list(odd)),
    });
    const whole = keyed({
      id: odd,
      parameters,
      inputs: mostly(list(mostly(input))),
      outputs: mostly(list(mostly(keyed({ name, parameters })))),
    });
    fc.assert(
      fc.property(whole, fc.uint8Array({ maxLength: 4 }), (text, tail) => {
        check(text, undefined);
        const head = Buffer.from(text);
        check(Buffer.concat([head, tail]), `${head.length}`);
      }),
      { numRuns: cases(4_000) },
    );
  });
});
