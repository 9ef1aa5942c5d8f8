import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TableColumn, TabularSignature } from "../../src/domain/model.ts";
import { tensorOf, writeModel } from "../../src/formats/onnx/writer.ts";
import { http1, type Json, type Send } from "../support/http.ts";
import { serveTabular, type TabularModel } from "../support/tabular.ts";

/** The bodies of KServe's own tests (test/e2e, sklearn, lightgbm and mixed types), on tables. */

const width = 4;
const weights = [0.5, -1, 2, -0.5, 0.25, 3, -2, 0.125, 0.75, 0, 1, -1];
const names = ["sepal_length_(cm)", "sepal_width_(cm)", "petal_length_(cm)", "petal_width_(cm)"];

/** numbers FP64 [-1,4] → scores = numbers · weights FP64 [-1,3], label = the largest, INT64 [-1]. */
const scorer = writeModel(
  {
    name: "scorer",
    nodes: [
      { op: "MatMul", inputs: ["numbers", "weights"], outputs: ["scores"] },
      {
        op: "ArgMax",
        inputs: ["scores"],
        outputs: ["label"],
        attributes: { axis: { int: 1 }, keepdims: { int: 0 } },
      },
    ],
    initializers: [tensorOf("weights", "FP64", [width, 3], Float64Array.from(weights))],
    inputs: [{ name: "numbers", datatype: "FP64", shape: [-1, width] }],
    outputs: [
      { name: "label", datatype: "INT64", shape: [-1] },
      { name: "scores", datatype: "FP64", shape: [-1, 3] },
    ],
  },
  { opsets: { "": 17 } },
);

const predict = { name: "predict", output: "label", datatype: "INT64", shape: [-1] } as const;
const proba = {
  name: "predict_proba",
  output: "scores",
  datatype: "FP64",
  shape: [-1, 3],
} as const;

const sklearn: TabularSignature = {
  kind: "tabular",
  library: "sklearn",
  estimator: "LogisticRegression",
  columns: Array.from({ length: width }, () => ({
    type: "number" as const,
    name: undefined,
    takes: "finite" as const,
  })),
  feeds: [{ name: "numbers", datatype: "FP64", columns: [0, 1, 2, 3] }],
  methods: [predict, proba],
  method: "predict",
  style: "kserve",
};

const lightgbm: TabularSignature = {
  ...sklearn,
  library: "lightgbm",
  columns: names.map((name) => ({ type: "number", name, takes: "any" })),
  method: "predict_proba",
};

/** Two matrices, which come back as they are. */
const echo = writeModel(
  {
    name: "echo",
    nodes: [
      { op: "Identity", inputs: ["numbers"], outputs: ["n"] },
      { op: "Identity", inputs: ["texts"], outputs: ["t"] },
    ],
    initializers: [],
    inputs: [
      { name: "numbers", datatype: "FP64", shape: [-1, 2] },
      { name: "texts", datatype: "BYTES", shape: [-1, 1] },
    ],
    outputs: [
      { name: "n", datatype: "FP64", shape: [-1, 2] },
      { name: "t", datatype: "BYTES", shape: [-1, 1] },
    ],
  },
  { opsets: { "": 17 } },
);

const mixedColumns: readonly TableColumn[] = [
  { type: "text", name: "MSZoning", missing: "?" },
  { type: "number", name: "LotArea", takes: "missing" },
  { type: "number", name: "YrSold", takes: "missing" },
];

const mixed: TabularSignature = {
  ...sklearn,
  estimator: "ColumnTransformer",
  columns: mixedColumns,
  feeds: [
    { name: "numbers", datatype: "FP64", columns: [2, 1] },
    { name: "texts", datatype: "BYTES", columns: [0] },
  ],
  methods: [
    { name: "transform", output: "n", datatype: "FP64", shape: [-1, 2] },
    { name: "predict", output: "t", datatype: "BYTES", shape: [-1, 1] },
  ],
  method: "transform",
};

const models: Readonly<Record<string, TabularModel>> = {
  sklearn: { graph: scorer, signature: sklearn },
  mlserver: { graph: scorer, signature: { ...sklearn, style: "mlserver" } },
  lightgbm: { graph: scorer, signature: lightgbm },
  mixed: { graph: echo, signature: mixed },
};

/** As the graph computes it. */
const scoresOf = (row: readonly number[]) =>
  [0, 1, 2].map((k) => row.reduce((sum, value, at) => sum + value * (weights[3 * at + k] ?? 0), 0));
const labelOf = (row: readonly number[]) => {
  const scores = scoresOf(row);
  return scores.indexOf(Math.max(...scores));
};

let server: Awaited<ReturnType<typeof serveTabular>>;

beforeAll(async () => {
  server = await serveTabular(models);
});

afterAll(() => server.close());

async function send(path: string, body?: object | string, rest: Partial<Send> = {}) {
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  const reply = await http1(server.port, {
    path,
    ...(text === undefined ? {} : { body: text }),
    ...rest,
  });
  return reply;
}

async function json(path: string, body?: object | string): Promise<[number, Json]> {
  const reply = await send(path, body);
  return [reply.status, reply.json()];
}

const v1 = (model: string, body: object | string) => json(`/v1/models/${model}:predict`, body);
const v2 = (model: string, body: object) => json(`/v2/models/${model}/infer`, body);

const rows = [
  [6.8, 2.8, 4.8, 1.4],
  [6.0, 3.4, 4.5, 1.6],
];
const labels = rows.map(labelOf);
const input = { name: "input-0", shape: [2, 4], datatype: "FP32", data: rows };
const doubles = { ...input, datatype: "FP64" };

describe("KServe's bodies", () => {
  it("A: rows", async () => {
    expect(await v1("sklearn", { instances: rows })).toEqual([200, { predictions: labels }]);
    expect(await v1("sklearn", { inputs: rows })).toEqual([200, { predictions: labels }]);
    expect(await v1("lightgbm", { instances: rows })).toEqual([
      200,
      { predictions: rows.map(scoresOf) },
    ]);
    // MLServer has no V1.
    expect(await v1("mlserver", { instances: rows })).toEqual([200, { predictions: labels }]);
  });

  it("B: one nested tensor, of any numeric datatype and name", async () => {
    const output = { name: "output-0", datatype: "INT64", shape: [2], data: labels };
    for (const given of [input, doubles, { ...input, name: "x" }]) {
      const [status, { outputs }] = await v2("sklearn", { inputs: [given] });
      expect([status, outputs]).toEqual([200, [output]]);
    }
    const whole = { ...input, datatype: "INT32", data: [1, 2, 3, 4, 5, 6, 7, 8] };
    const [, { outputs }] = await v2("sklearn", { inputs: [whole] });
    expect(outputs[0].data).toEqual([labelOf([1, 2, 3, 4]), labelOf([5, 6, 7, 8])]);
  });

  it("C and D: the same, answered as bytes", async () => {
    const asked = { outputs: [{ name: "output-0", parameters: { binary_data: true } }] };
    for (const more of [asked, { parameters: { binary_data_output: true } }]) {
      const reply = await send("/v2/models/sklearn/infer", { inputs: [input], ...more });
      const length = Number(reply.headers["inference-header-content-length"]);
      const bytes = new Uint8Array(reply.body.subarray(length)).buffer;
      expect([...new BigInt64Array(bytes)].map(Number)).toEqual(labels);
    }
  });

  it("F: a tensor for each column", async () => {
    const column = (name: string, datatype: string, ...data: unknown[]) => ({
      name,
      shape: [data.length],
      datatype,
      data,
    });
    const inputs = [
      column("YrSold", "INT32", 2008),
      column("MSZoning", "BYTES", "RL"),
      column("Unused", "FP32", 1),
      column("LotArea", "INT64", 8450),
    ];
    for (const parameters of [{ content_type: "pd" }, {}]) {
      const [status, { outputs }] = await v2("mixed", { inputs, parameters });
      expect([status, outputs[0].name, outputs[0].data]).toEqual([200, "output-0", [2008, 8450]]);
    }
    const outputs = [{ name: "predict" }, { name: "transform" }];
    const [, both] = await v2("mixed", { inputs, outputs });
    expect(both.outputs.map(({ name, data }: Json) => [name, data])).toEqual([
      ["predict", ["RL"]],
      ["transform", [2008, 8450]],
    ]);
  });

  const frame = Object.fromEntries(names.map((name, index) => [name, [rows[0]?.[index]]]));

  it("G: an object of lists", async () => {
    expect(await v1("lightgbm", { inputs: [frame] })).toEqual([
      200,
      { predictions: [scoresOf(rows[0] ?? [])] },
    ]);
    const two = Object.fromEntries(names.map((name, at) => [name, rows.map((row) => row[at])]));
    expect(await v1("lightgbm", { instances: [two] })).toEqual([
      200,
      { predictions: rows.map(scoresOf) },
    ]);
    const three = names.map((name) => ({ [name]: [1, 2] }));
    const uneven = [Object.assign({}, ...three), frame];
    expect(await v1("lightgbm", { instances: uneven })).toEqual([
      200,
      { predictions: [[1, 1, 1, 1], [2, 2, 2, 2], rows[0] ?? []].map(scoresOf) },
    ]);
    expect(await v1("lightgbm", { inputs: two })).toEqual([200, { outputs: rows.map(scoresOf) }]);
  });

  it("H and I: lists of objects of one key are a row each, and what is missing is NaN", async () => {
    const cells = names.map((name, index) => ({ [name]: rows[0]?.[index] ?? 0 }));
    for (const given of [cells, cells.slice(0, 3)]) {
      const reply = await send("/v1/models/lightgbm:predict", { inputs: [given] });
      expect(reply.status).toBe(200);
      const nan = `{"predictions":[${given.map(() => "[NaN,NaN,NaN]").join(",")}]}`;
      expect(reply.text).toBe(nan);
    }
  });

  it("rows as objects, in any order of columns", async () => {
    const objects = rows.map((row) =>
      Object.fromEntries(names.map((name, at) => [name, row[at]]).reverse()),
    );
    expect(await v1("lightgbm", { instances: objects })).toEqual([
      200,
      { predictions: rows.map(scoresOf) },
    ]);
    const mixedRows = [
      { LotArea: 1, MSZoning: "RL", YrSold: 2 },
      { MSZoning: null, YrSold: 4, LotArea: 5 },
    ];
    expect(await v1("mixed", { instances: mixedRows })).toEqual([
      200,
      {
        predictions: [
          [2, 1],
          [4, 5],
        ],
      },
    ]);
    expect(
      await v1("mixed", {
        instances: [
          ["RL", 1, 2],
          ["RM", 5, 4],
        ],
      }),
    ).toEqual([
      200,
      {
        predictions: [
          [2, 1],
          [4, 5],
        ],
      },
    ]);
  });
});

describe("MLServer's answers", () => {
  it("have its names and shapes", async () => {
    const [, body] = await v2("mlserver", { inputs: [doubles] });
    expect(body.outputs).toEqual([
      { name: "predict", datatype: "INT64", shape: [2, 1], data: labels },
    ]);
    const outputs = [{ name: "predict_proba" }, { name: "predict" }];
    const [, asked] = await v2("sklearn", { inputs: [doubles], outputs });
    expect(asked.outputs).toEqual([
      { name: "predict_proba", datatype: "FP64", shape: [2, 3], data: rows.flatMap(scoresOf) },
      { name: "predict", datatype: "INT64", shape: [2, 1], data: labels },
    ]);
  });
});

describe("refusals", () => {
  it("are in the library's words", async () => {
    expect(await v1("sklearn", { instances: [[1, 2, 3]] })).toEqual([
      400,
      {
        error: "X has 3 features, but LogisticRegression is expecting 4 features as input.",
      },
    ]);
    expect((await v1("sklearn", { instances: [1, 2, 3, 4] }))[1].error).toContain(
      "Expected 2D array, got 1D array instead",
    );
    expect((await v1("sklearn", '{"instances":[[1,2,3,null]]}'))[1].error).toContain(
      "Input X contains NaN.",
    );
    expect((await v1("sklearn", { instances: [["a", 1, 2, 3]] }))[1].error).toBe(
      'column 0 of row 0 is "a", expected a number',
    );
    const outputs = [{ name: "decision_function" }];
    expect(await v2("sklearn", { inputs: [input], outputs })).toEqual([
      400,
      { error: expect.stringContaining("unexpected inference output 'decision_function'") },
    ]);
  });
});

describe("metadata", () => {
  it("shows what is usual", async () => {
    const [, { inputs, outputs }] = await json("/v2/models/sklearn");
    expect([inputs, outputs]).toEqual([
      [{ name: "input-0", datatype: "FP64", shape: [-1, 4] }],
      [{ name: "output-0", datatype: "INT64", shape: [-1] }],
    ]);
    expect((await json("/v2/models/mixed"))[1].inputs).toEqual([
      { name: "MSZoning", datatype: "BYTES", shape: [-1] },
      { name: "LotArea", datatype: "FP64", shape: [-1] },
      { name: "YrSold", datatype: "FP64", shape: [-1] },
    ]);
  });

  it("leaves merging and statistics as with any graph", async () => {
    await server.repository.judge();
    const together = await Promise.all(rows.map((row) => v1("sklearn", { instances: [row] })));
    expect(together.map(([, { predictions }]) => predictions[0])).toEqual(labels);
    const [, { model_stats }] = await json("/v2/models/sklearn/stats");
    expect(model_stats[0].inference_count).toBeGreaterThan(2);
  });
});
