import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import {
  idBytesMax,
  inputsMax,
  outputsMax,
  parametersMax,
  rankMax,
  tensorNameBytesMax,
} from "../../../src/domain/limits.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferRequest } from "../../../src/domain/request.ts";
import { decodeInfer, encodeInfer } from "../../../src/protocol/v2/json.ts";
import { tensorInputs, tensorsOf } from "../../support/inputs.ts";
import { refusal } from "../refusal.ts";
import {
  comparable,
  contentOf,
  flatJson,
  nestedJson,
  rawOf,
  response,
  tensorName,
  tensorOf,
} from "./arbitraries.ts";

const target = { model: parseModelName("m"), version: undefined };
const noBytes = Buffer.alloc(0);
const input = '{"name":"x","datatype":"INT32","shape":[1],"data":[1]}';
const depthMessage = "JSON nesting depth exceeds maximum allowed limit (100)";

function decode(json: string, binary: Buffer = noBytes): InferRequest {
  return decodeInfer(target, json, binary);
}

/** A request of one input with these fields. */
function withInput(fields: string): string {
  return `{"inputs":[{"name":"x",${fields}}]}`;
}

function withBody(fields: string): string {
  return `{"inputs":[${input}],${fields}}`;
}

function many(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(",");
}

describe("decodeInfer", () => {
  it("takes everything that a request can have", () => {
    const request = decode(
      `{"id":"42","parameters":{"a":"b","c":1.5,"d":true,"e":9223372036854775807},
        "inputs":[
          {"name":"x","datatype":"INT32","shape":[2,1],"parameters":{},"data":[[1],[2]]},
          {"name":"y","datatype":"BYTES","shape":[],"data":["é"]}],
        "outputs":[{"name":"z","parameters":{"binary_data":true}},{"name":"w"}],
        "unknown":[1]}`,
    );
    expect(request).toEqual({
      model: "m",
      version: undefined,
      id: "42",
      parameters: new Map<string, unknown>([
        ["a", "b"],
        ["c", 1.5],
        ["d", true],
        ["e", 9223372036854775807n],
      ]),
      inputs: tensorInputs(
        {
          name: "x",
          datatype: "INT32",
          shape: [2, 1],
          bytes: new Uint8Array(Int32Array.of(1, 2).buffer),
        },
        { name: "y", datatype: "BYTES", shape: [], strings: ["é"] },
      ),
      outputs: [
        { name: "z", parameters: new Map([["binary_data", true]]) },
        { name: "w", parameters: new Map() },
      ],
    });
  });

  it("takes null for what is absent, beside long integers too", () => {
    for (const data of ["1", "9007199254740993"]) {
      const request = decode(
        `{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","datatype":"INT64",
          "shape":[1],"parameters":null,"data":[${data}]}]}`,
      );
      expect(request).toMatchObject({ id: undefined, outputs: [], parameters: new Map() });
    }
  });

  it.each(datatypes)("takes %s flat, nested and binary alike", (datatype) => {
    fc.assert(
      fc.property(tensorName, contentOf(datatype), (name, content) => {
        const { shape } = content;
        const head = `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}]`;
        const raw = Buffer.from(rawOf(content));
        const forms = [
          decode(`{"inputs":[{${head},"data":[${flatJson(content)}]}]}`),
          decode(`{"inputs":[{${head},"data":${nestedJson(content)}}]}`),
          decode(`{"inputs":[{${head},"parameters":{"binary_data_size":${raw.length}}}]}`, raw),
        ];
        for (const { inputs } of forms) {
          expect(tensorsOf(inputs).map(comparable)).toEqual([comparable(tensorOf(name, content))]);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("keeps 64-bit integers exact to the last digit", () => {
    const edges = "[9223372036854775807,-9223372036854775808,9007199254740993]";
    const { inputs } = decode(withInput(`"datatype":"INT64","shape":[3],"data":${edges}`));
    expect(tensorsOf(inputs)).toHaveProperty(
      "0.bytes",
      new Uint8Array(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n).buffer),
    );
    expect(
      refusal(() =>
        decode(withInput('"datatype":"INT64","shape":[1],"data":[9223372036854775808]')),
      ),
    ).toContain("is 9223372036854775808, expected an integer from");
  });

  it("takes the binary tensors in the order of the inputs", () => {
    const { inputs } = decode(
      `{"inputs":[
        {"name":"a","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},
        {"name":"b","datatype":"UINT8","shape":[1],"data":[9]},
        {"name":"c","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":1}}]}`,
      Buffer.of(1, 2, 3),
    );
    expect(tensorsOf(inputs)).toMatchObject([
      { bytes: Buffer.of(1, 2) },
      { bytes: new Uint8Array([9]) },
      { bytes: Buffer.of(3) },
    ]);
  });

  it("keeps __proto__ to itself", () => {
    for (const number of ["1", "9007199254740993"]) {
      const request = decode(
        withBody(`"parameters":{"__proto__":${number}},"__proto__":{"id":"evil"}`),
      );
      expect([...request.parameters.keys()]).toEqual(["__proto__"]);
      expect(request.id).toBeUndefined();
    }
    expect(refusal(() => decode('{"__proto__":{"inputs":[]}}'))).toContain("Unable to find");
  });
});

describe("refusals", () => {
  it.each([
    ["", "failed to parse the request JSON buffer: expected a value at character 0"],
    ["[]", "failed to parse the request JSON buffer: expected an object"],
    ["null", "failed to parse the request JSON buffer: expected an object"],
    ['{"inputs":[1,,2]}', "failed to parse the request JSON buffer: expected a value"],
    ["{}", "Unable to find 'inputs' in the request JSON"],
    ['{"inputs":{}}', "'inputs' of the request must be an array"],
    ['{"inputs":[1]}', "each of 'inputs' must be an object"],
    ['{"inputs":[null]}', "each of 'inputs' must be an object"],
    ['{"inputs":[{}]}', "an input has no 'name'"],
    ['{"inputs":[{"name":1}]}', "'name' of an input must be a string"],
    ['{"inputs":[{"name":""}]}', "an input must have a non-empty 'name'"],
    [withInput('"shape":[1]'), "input 'x' has no 'datatype'"],
    [withInput('"datatype":"fp32"'), "invalid datatype 'fp32' of input 'x'"],
    [withInput('"datatype":"FP32"'), "input 'x' has no 'shape'"],
    [withInput('"datatype":"FP32","shape":3'), "'shape' of input 'x' must be an array"],
    [withInput('"datatype":"FP32","shape":[1],"data":1'), "'data' of input 'x' must be an array"],
    [
      withInput('"datatype":"FP32","shape":[1]'),
      "input 'x' has no 'data' and no 'binary_data_size'",
    ],
    [withBody('"id":1'), "'id' of the request must be a string"],
    [withBody('"parameters":[]'), "'parameters' of the request must be an object"],
    [
      withBody('"parameters":{"p":null}'),
      "parameter 'p' of the request must be a string, a number or a boolean",
    ],
    [withBody('"parameters":{"p":[1]}'), "parameter 'p' of the request must be a string"],
    [withBody('"outputs":{}'), "'outputs' of the request must be an array"],
    [withBody('"outputs":["y"]'), "each of 'outputs' must be an object"],
    [withBody('"outputs":[{}]'), "an output has no 'name'"],
    [withBody('"outputs":[{"name":"y"},{"name":"y"}]'), "output 'y' already exists in request"],
    [
      withBody('"outputs":[{"name":"y","parameters":{"classification":2}}]'),
      "output 'y': the classification extension is not supported",
    ],
    [`{"inputs":[${input},${input}]}`, "input 'x' already exists in request"],
  ])("%s", (json, message) => {
    expect(refusal(() => decode(json))).toContain(message);
  });

  it.each([
    ["-1", "-1"],
    ["1.5", "1.5"],
    ["NaN", "NaN"],
    ['"3"', '"3"'],
    ["null", "null"],
    ["[2]", "an array"],
    ["{}", "an object"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["[9223372036854775808]", "an array"],
    ["9223372036854775808", "9223372036854776000"],
  ])("a dimension %s", (dim, shown) => {
    const message = refusal(() =>
      decode(withInput(`"datatype":"INT8","shape":[${dim}],"data":[]`)),
    );
    expect(message).toContain("Unable to parse 'shape'");
    expect(message).toContain(`expected non-negative integers, got ${shown}`);
  });

  it("both 'data' and 'binary_data_size'", () => {
    const fields = '"datatype":"INT8","shape":[1],"data":[1],"parameters":{"binary_data_size":1}';
    expect(refusal(() => decode(withInput(fields), Buffer.of(1)))).toContain(
      "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters'",
    );
  });

  it.each(["-1", "1.5", '"1"', "true", "9007199254740993", "NaN"])(
    "a binary_data_size of %s",
    (size) => {
      const fields = `"datatype":"INT8","shape":[1],"parameters":{"binary_data_size":${size}}`;
      expect(refusal(() => decode(withInput(fields), Buffer.of(1)))).toBe(
        "'binary_data_size' of input 'x' must be a non-negative integer",
      );
    },
  );

  it("more and fewer bytes than the inputs take", () => {
    const json = withInput('"datatype":"INT8","shape":[4],"parameters":{"binary_data_size":4}');
    expect(refusal(() => decode(json, Buffer.alloc(1)))).toContain(
      "unexpected size for input 'x', expecting 3 additional bytes for model 'm'",
    );
    expect(refusal(() => decode(json, Buffer.alloc(6)))).toContain(
      "unexpected additional input data for model 'm'",
    );
    expect(refusal(() => decode(`{"inputs":[${input}]}`, Buffer.alloc(1)))).toContain(
      "unexpected additional input data for model 'm'",
    );
  });

  it("bytes that do not fit the shape", () => {
    const json = withInput('"datatype":"FP32","shape":[8],"parameters":{"binary_data_size":40}');
    expect(refusal(() => decode(json, Buffer.alloc(40)))).toBe(
      "input byte size mismatch for input 'x' for model 'm'. Expected 32, got 40",
    );
  });
});

describe("limits", () => {
  it("of inputs", () => {
    const inputs = (count: number) => () =>
      decode(`{"inputs":[${many(count, (index) => input.replace("x", `x${index}`))}]}`);
    expect(tensorsOf(inputs(inputsMax)().inputs)).toHaveLength(inputsMax);
    expect(refusal(inputs(inputsMax + 1))).toContain("the request has 1001 inputs");
  });

  it("of outputs", () => {
    const outputs = (count: number) => () =>
      decode(withBody(`"outputs":[${many(count, (index) => `{"name":"y${index}"}`)}]`));
    expect(outputs(outputsMax)().outputs).toHaveLength(outputsMax);
    expect(refusal(outputs(outputsMax + 1))).toContain("the request has 1001 outputs");
  });

  it("of parameters", () => {
    const fields = (count: number) => `"parameters":{${many(count, (index) => `"p${index}":1`)}}`;
    const places = [
      (count: number) => withBody(fields(count)),
      (count: number) => withBody(`"outputs":[{"name":"y",${fields(count)}}]`),
      (count: number) => withInput(`"datatype":"INT8","shape":[1],"data":[1],${fields(count)}`),
    ];
    for (const place of places) {
      expect(() => decode(place(parametersMax))).not.toThrow();
      expect(refusal(() => decode(place(parametersMax + 1)))).toContain(
        "the request has 257 parameters",
      );
    }
  });

  it("of the rank", () => {
    const shaped = (rank: number) => () =>
      decode(withInput(`"datatype":"INT8","shape":[${many(rank, () => "1")}],"data":[1]`));
    expect(tensorsOf(shaped(rankMax)().inputs)).toHaveLength(1);
    expect(refusal(shaped(rankMax + 1))).toContain("at most 32 are allowed");
  });

  it("of names and ids", () => {
    const named = (name: string) => () => decode(`{"inputs":[${input.replace("x", name)}]}`);
    const id = (id: string) => () => decode(withBody(`"id":"${id}"`));
    expect(tensorsOf(named("é".repeat(tensorNameBytesMax / 2))().inputs)).toHaveLength(1);
    expect(refusal(named("é".repeat(tensorNameBytesMax / 2 + 1)))).toContain("longer than 4096");
    expect(id("é".repeat(idBytesMax / 2))().id).toHaveLength(idBytesMax / 2);
    expect(refusal(id("é".repeat(idBytesMax / 2 + 1)))).toContain("longer than 4096");
  });

  it("of the nesting", () => {
    // The body, its inputs and one input are three levels.
    const nested = (depth: number) => () =>
      decode(
        withInput(
          `"datatype":"INT8","shape":[1],"data":${"[".repeat(depth - 3)}1${"]".repeat(depth - 3)}`,
        ),
      );
    expect(tensorsOf(nested(100)().inputs)).toHaveLength(1);
    expect(refusal(nested(101))).toContain(depthMessage);
    expect(refusal(() => decode("[".repeat(10_000)))).toContain(depthMessage);
  });
});

describe("encodeInfer", () => {
  it("writes what decodes to the same tensors", () => {
    fc.assert(
      fc.property(response, (response) => {
        const json = encodeInfer(response, () => undefined);
        const names = new Set(response.outputs.map(({ name }) => name));
        fc.pre(names.size === response.outputs.length);
        const request = decode(json.replace('"outputs":[', '"inputs":['));
        expect(tensorsOf(request.inputs).map(comparable)).toEqual(response.outputs.map(comparable));
        expect(request.id).toBe(response.id);
      }),
      { numRuns: 300 },
    );
  });

  it("writes the whole message in the protocol's words", () => {
    const json = encodeInfer(
      {
        model: target.model,
        version: 3,
        id: 'a"b',
        outputs: [
          {
            name: "z",
            datatype: "INT64",
            shape: [2],
            bytes: new Uint8Array(BigInt64Array.of(2n ** 63n - 1n, -1n).buffer),
          },
          { name: "w", datatype: "BYTES", shape: [1, 1], strings: ["é"] },
        ],
      },
      (_, index) => (index === 1 ? 6 : undefined),
    );
    expect(json).toBe(
      '{"id":"a\\"b","model_name":"m","model_version":"3","outputs":[' +
        '{"name":"z","datatype":"INT64","shape":[2],"data":[9223372036854775807,-1]},' +
        '{"name":"w","datatype":"BYTES","shape":[1,1],"parameters":{"binary_data_size":6}}]}',
    );
  });

  it("leaves out an id that the request did not have", () => {
    const answer = { model: target.model, version: 1, id: undefined, outputs: [] };
    expect(JSON.parse(encodeInfer(answer, () => undefined))).toEqual({
      model_name: "m",
      model_version: "1",
      outputs: [],
    });
  });
});
