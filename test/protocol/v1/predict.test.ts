import { describe, expect, it } from "vitest";
import { columnsMax, jsonDepthMax, stringBytesMax } from "../../../src/domain/limits.ts";
import { refusal } from "../refusal.ts";
import { decode, plainInputs, target } from "./decoding.ts";

const rows = (count: number, values: unknown, framed = false) => ({
  kind: "rows",
  count,
  values,
  framed,
});

const instances = (list: string) => plainInputs(`{"instances":${list}}`);
const refused = (text: string | Buffer) => refusal(() => decode(text));

describe("instances", () => {
  const good: readonly (readonly [string, number, readonly number[], readonly unknown[]])[] = [
    ["[1,2.5,-3e2]", 3, [3], [1, 2.5, -300]],
    ["[[1,2],[3,4],[5,6]]", 3, [3, 2], [1, 2, 3, 4, 5, 6]],
    ["[[[1],[2]]]", 1, [1, 2, 1], [1, 2]],
    ["[[],[]]", 2, [2, 0], []],
    ["[[[],[]]]", 1, [1, 2, 0], []],
    ['["a","é"]', 2, [2], ["a", "é"]],
    ['[["a",1],[null,true]]', 2, [2, 2], ["a", 1, null, true]],
    ["[1,2,null]", 3, [3], [1, 2, null]],
    ["[9007199254740993, 1]", 2, [2], ["9007199254740993n", 1]],
    ["[NaN,Infinity,-Infinity,-0]", 4, [4], ["NaN", "Infinity", "-Infinity", "-0"]],
    ['[{"b64":"aGk="},{"b64":"aGk"}]', 2, [2], ["hi", "hi"]],
    ['[[{"b64":"aGk="},"x"]]', 1, [1, 2], ["hi", "x"]],
    ['[{ "b64" : "" }]', 1, [1], [""]],
  ];

  it.each(good)("%s are stacked", (list, count, shape, elements) => {
    expect(instances(list)).toEqual(rows(count, { shape, elements }));
    expect(plainInputs(`{"inputs":${list}}`)).toEqual(rows(count, { shape, elements }));
  });

  it("as objects become the columns that they have between them", () => {
    expect(instances('[{"a":1,"b":[1,2]},{"b":[3,4],"a":2}]')).toEqual(
      rows(2, [
        { name: "a", values: { shape: [2], elements: [1, 2] } },
        { name: "b", values: { shape: [2, 2], elements: [1, 2, 3, 4] } },
      ]),
    );
    expect(instances('[{"a":1},{},{"b":"x"},{"a":2,"b":"y"}]')).toEqual(
      rows(4, [
        { name: "a", values: { shape: [2], elements: [1, 2] }, rows: [0, 3] },
        { name: "b", values: { shape: [2], elements: ["x", "y"] }, rows: [2, 3] },
      ]),
    );
    expect(instances('[{"t":{"b64":"aGk="}},{"t":"x"}]')).toEqual(
      rows(2, [{ name: "t", values: { shape: [2], elements: ["hi", "x"] } }]),
    );
  });

  it("keep the order of their columns, numbers among the names too", () => {
    const names = ["2", "b", "1", "a"];
    const text = `[{${names.map((name) => `"${name}":0`).join(",")}}]`;
    expect(decode(`{"instances":${text}}`).inputs).toMatchObject({
      values: names.map((name) => ({ name })),
    });
  });

  it("may have a column called b64", () => {
    const column = (elements: unknown[], more: object = {}) => ({
      name: "b64",
      values: { shape: [elements.length], elements },
      ...more,
    });
    const a = { name: "a", values: { shape: [1], elements: [1] } };
    expect(instances('[{"b64":"aGk=","a":1}]')).toEqual(rows(1, [column(["aGk="]), a]));
    expect(instances('[{"a":1,"b64":"aGk="}]')).toEqual(rows(1, [a, column(["aGk="])]));
    expect(instances('[{"b64":7},{"b64":8}]')).toEqual(rows(2, [column([7, 8])]));
    expect(instances('[{"b64":[7]}]')).toEqual(
      rows(1, [{ name: "b64", values: { shape: [1, 1], elements: [7] } }]),
    );
    expect(instances('[{"b64":{"b64":"aGk="}}]')).toEqual(rows(1, [column(["hi"])]));
  });

  it("as lists of objects are a frame's rows", () => {
    expect(instances('[[{"a":1},{"b":2}],[{"a":3}]]')).toEqual(
      rows(
        3,
        [
          { name: "a", values: { shape: [2], elements: [1, 3] }, rows: [0, 2] },
          { name: "b", values: { shape: [1], elements: [2] }, rows: [1] },
        ],
        true,
      ),
    );
  });

  it("may hold lists of different lengths, if these are flat", () => {
    expect(instances('[{"a":[1,2],"b":3},{"a":[]},{"a":[4],"a":[5,6,7],"b":8}]')).toEqual(
      rows(3, [
        { name: "a", values: { shape: [5], elements: [1, 2, 5, 6, 7] }, lengths: [2, 0, 3] },
        { name: "b", values: { shape: [2], elements: [3, 8] }, rows: [0, 2] },
      ]),
    );
    const ragged = refused('{"instances":[{"a":[[1]]},{"a":[[1,2]]}]}');
    expect(ragged).toContain("'a' of element 1 has another");
  });

  it("take the later of two values under one name", () => {
    expect(instances('[{"a":1,"a":[2]},{"a":[3],"a":[9],"a":[4]}]')).toEqual(
      rows(2, [{ name: "a", values: { shape: [2, 1], elements: [2, 4] } }]),
    );
    expect(plainInputs('{"instances":[1],"instances":[2]}')).toEqual(
      rows(1, { shape: [1], elements: [2] }),
    );
  });

  it("keep __proto__ to itself", () => {
    expect(instances('[{"__proto__":1}]')).toEqual(
      rows(1, [{ name: "__proto__", values: { shape: [1], elements: [1] } }]),
    );
  });

  const bad: readonly (readonly [string, string])[] = [
    ["[]", '"instances" is empty'],
    ["5", 'Expected "instances" to be a list'],
    ["null", 'Expected "instances" to be a list'],
    ['{"a":1}', 'Expected "instances" to be a list'],
    ["[[1,2],[3]]", "element 1 has another than those before"],
    ["[1,2,[3]]", "element 2 has another"],
    ["[[1],2,3]", "element 1 has another"],
    ["[[1,[2]]]", "element 0 has another"],
    ["[[[1]],[2]]", "element 1 has another"],
    ["[[],[[]]]", "element 1 has another"],
    ["[[[],1]]", "element 0 has another"],
    ['[{"a":1},{"a":[1]}]', "'a' of element 1 has another"],
    ['[{"b":1},{"a":1},{"a":[1]}]', "'a' of element 2 has another"],
    ['[1,{"a":1}]', "must be all values, all objects or all lists of objects"],
    ['[{"a":1},1]', "must be all values, all objects or all lists of objects"],
    ['[{"a":1},[{"a":1}]]', "must be all values, all objects or all lists of objects"],
    ['[[{"a":1},1]]', "must be all values, all objects or all lists of objects"],
    ['[[{"a":1}],[1]]', "must be all values, all objects or all lists of objects"],
    ['[[1,{"a":1}]]', "holds an object where a value is expected"],
    ['[[[{"a":1}]]]', "holds an object where a value is expected"],
    ['[{"a":{"b":1}}]', "holds an object where a value is expected"],
    ['[{"a":[{"b":1}]}]', "holds an object where a value is expected"],
    ['[[{"b64":"!"}]]', "not UTF-8 in base64"],
    ['[{"b64":"/w=="}]', "not UTF-8 in base64"],
    ['[{"b64":"aGk=="}]', "not UTF-8 in base64"],
    ['[{"b64":"YQB6"}]', "NUL character"],
    ['["a\\u0000b"]', "NUL character"],
    ['["\\ud800"]', "not valid Unicode"],
    ['[{"":1}]', "non-empty 'name'"],
  ];

  it.each(bad)("%s are refused", (list, message) => {
    expect(refused(`{"instances":${list}}`)).toContain(message);
  });
});

describe("columnar inputs", () => {
  it("are whole inputs by name", () => {
    expect(
      plainInputs('{"signature_name":"x","inputs":{"a":[[1,2]],"b":"x","c":[{"b64":"aGk="}]}}'),
    ).toEqual({
      kind: "columns",
      values: [
        { name: "a", values: { shape: [1, 2], elements: [1, 2] } },
        { name: "b", values: { shape: [], elements: ["x"] } },
        { name: "c", values: { shape: [1], elements: ["hi"] } },
      ],
    });
    expect(plainInputs('{"inputs":{"a":{"b64":"aGk="},"b":true,"c":[]}}')).toEqual({
      kind: "columns",
      values: [
        { name: "a", values: { shape: [], elements: ["hi"] } },
        { name: "b", values: { shape: [], elements: [true] } },
        { name: "c", values: { shape: [0], elements: [] } },
      ],
    });
  });

  const bad: readonly (readonly [string, string])[] = [
    ['{"a":[1,[2]]}', 'all of "inputs.a" must have the same shape'],
    ['{"a":{"b":1}}', '"inputs.a" is an object'],
    ['{"a":[{"b":1}]}', "holds an object where a value is expected"],
    ['{"a":"\\u0000"}', "NUL character"],
    ["5", 'Expected "inputs" to be a list of rows, or an object'],
  ];

  it.each(bad)("%s are refused", (inputs, message) => {
    expect(refused(`{"inputs":${inputs}}`)).toContain(message);
  });
});

describe("a body", () => {
  it("needs inputs in one form", () => {
    expect(refused("{}")).toContain('Expected "instances" to be a list');
    expect(refused('{"instances":[1],"inputs":[1]}')).toContain("either");
    for (const body of ["[1]", '"x"', "5", "null"]) {
      expect(refused(body)).toBe("Unrecognized request format: expected an object");
    }
  });

  it("has to be JSON in UTF-8", () => {
    expect(refused("")).toContain("Unrecognized request format: expected a value");
    expect(refused('{"instances":[1,]}')).toContain("Unrecognized request format: expected a");
    // What is no JSON further on comes before what is wrong with the rows.
    expect(refused('{"instances":[[1],2],}')).toContain("expected a quoted key at character 21");
    expect(refused(Buffer.from([0x22, 0xff, 0x22]))).toBe(
      "Unrecognized request format: it is not valid UTF-8",
    );
  });

  it("is for the model and version of its path", () => {
    expect(decode('{"instances":[1],"id":"x","parameters":{"a":{}}}')).toMatchObject({
      ...target,
      id: undefined,
      outputs: [],
    });
  });
});

describe("limits, at n and n + 1", () => {
  it("hold for nesting", () => {
    const nested = (depth: number) =>
      `{"instances":${"[".repeat(depth - 1)}1${"]".repeat(depth - 1)}}`;
    expect(decode(nested(jsonDepthMax)).inputs.kind).toBe("rows");
    expect(refused(nested(jsonDepthMax + 1))).toContain("nesting depth exceeds");
  });

  it("hold for names", () => {
    const object = (count: number) =>
      `{${Array.from({ length: count }, (_, index) => `"n${index}":[1]`).join(",")}}`;
    expect(decode(`{"instances":[${object(columnsMax)}]}`).inputs).toMatchObject({ count: 1 });
    expect(refused(`{"instances":[${object(columnsMax + 1)}]}`)).toBe(
      `"instances" has values under more than ${columnsMax} names`,
    );
    expect(decode(`{"inputs":${object(columnsMax)}}`).inputs.kind).toBe("columns");
    expect(refused(`{"inputs":${object(columnsMax + 1)}}`)).toBe(
      `"inputs" has values under more than ${columnsMax} names`,
    );
  });

  it("hold for strings", () => {
    const text = (length: number) => `{"instances":["${"x".repeat(length)}"]}`;
    expect(decode(text(stringBytesMax)).inputs).toMatchObject({ count: 1 });
    expect(refused(text(stringBytesMax + 1))).toBe(
      `a string of "instances" is longer than ${stringBytesMax} bytes`,
    );
  });
});
