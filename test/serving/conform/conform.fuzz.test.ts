import fc from "fast-check";
import { describe, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import { ServingError } from "../../../src/domain/error.ts";
import type { Signature, TableColumn } from "../../../src/domain/model.ts";
import type { Inputs } from "../../../src/domain/request.ts";
import type { TensorSpec } from "../../../src/domain/tensor.ts";
import { conform } from "../../../src/serving/conform.ts";
import { expectOnly } from "../../protocol/refusal.ts";
import { decode } from "../../protocol/v1/decoding.ts";
import { content, tensorOf } from "../../protocol/v2/arbitraries.ts";
import { cases } from "../../support/cases.ts";
import { tensorInputs } from "../../support/inputs.ts";
import { modelOf, requestOf } from "./requests.ts";

/** Whatever comes for whatever model: tensors that the graph takes, or a client's mistake. */

const name = fc.constantFrom("a", "b", "c");
const spec: fc.Arbitrary<TensorSpec> = fc.record({
  name,
  datatype: fc.constantFrom(...datatypes),
  shape: fc.option(fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }), { freq: 9 }),
});

const fixed: fc.Arbitrary<Signature> = fc.record({
  kind: fc.constant("fixed" as const),
  inputs: fc.uniqueArray(spec, { maxLength: 3, selector: ({ name }) => name }),
  outputs: fc.uniqueArray(spec, { maxLength: 2, selector: ({ name }) => name }),
});

const column: fc.Arbitrary<TableColumn> = fc.oneof(
  fc.record({
    type: fc.constant("number" as const),
    name: fc.option(name, { nil: undefined }),
    takes: fc.constantFrom("finite" as const, "missing" as const, "any" as const),
  }),
  fc.record({
    type: fc.constant("text" as const),
    name: fc.option(name, { nil: undefined }),
    missing: fc.constantFrom(undefined, "?"),
  }),
);

const tabular: fc.Arbitrary<Signature> = fc
  .record({
    columns: fc.array(column, { minLength: 1, maxLength: 3 }),
    library: fc.constantFrom("sklearn" as const, "xgboost" as const, "lightgbm" as const),
    datatype: fc.constantFrom("FP32" as const, "FP64" as const),
    style: fc.constantFrom("kserve" as const, "mlserver" as const),
  })
  .map(({ columns, library, datatype, style }) => {
    const of = (type: TableColumn["type"]) =>
      columns.flatMap((own, index) => (own.type === type ? [index] : []));
    return {
      kind: "tabular",
      library,
      estimator: "E",
      columns,
      feeds: [
        { name: "n", datatype, columns: of("number") },
        { name: "t", datatype: "BYTES", columns: of("text") },
      ],
      methods: [{ name: "predict", output: "y", datatype: "FP64", shape: [-1] }],
      method: "predict",
      style,
    };
  });

const cell = fc.oneof(
  fc.integer({ min: -2, max: 300 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom("x", null, true, 1e39),
);
const value = fc.oneof(cell, fc.array(cell, { maxLength: 3 }));
const record = fc.dictionary(name, value, { maxKeys: 3 });

const body = fc.oneof(
  fc.record({ instances: fc.array(value, { minLength: 1, maxLength: 3 }) }),
  fc.record({ instances: fc.array(record, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    inputs: fc.array(fc.array(record, { maxLength: 2 }), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ inputs: record }),
);

const inputs: fc.Arbitrary<Inputs> = fc.oneof(
  body.map((given) => fromV1(JSON.stringify(given))),
  fc
    .uniqueArray(fc.tuple(name, content), { maxLength: 3, selector: ([own]) => own })
    .map((tensors) => tensorInputs(...tensors.map(([own, of]) => tensorOf(own, of)))),
  fc.uint8Array({ maxLength: 16 }).map((bytes) => ({ kind: "raw" as const, bytes })),
);

/** What V1 does not take at all is of no interest here. */
function fromV1(text: string): Inputs {
  try {
    return decode(text).inputs;
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return tensorInputs();
  }
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

describe("conform", () => {
  it("gives tensors that are whole and in the signature's order, or refuses", () => {
    fc.assert(
      fc.property(
        fc.oneof(fixed, tabular),
        inputs,
        fc.constantFrom(undefined, "pd"),
        (signature, given, type) => {
          const parameters = new Map(type === undefined ? [] : [["content_type", type]]);
          const request = requestOf(given, [], parameters);
          expectOnly(["invalid-request"], () => {
            const conformed = conform(request, modelOf(signature));
            const names = conformed.inputs.map((tensor) => tensor.name);
            const expected = signature.kind === "fixed" ? signature.inputs : signature.feeds;
            if (`${names}` !== `${expected.map((own) => own.name)}`) throw new Error(`${names}`);
            for (const [index, tensor] of conformed.inputs.entries()) {
              if (tensor.datatype !== expected[index]?.datatype) throw new Error(tensor.datatype);
              const count = elementsOf(tensor.shape);
              const whole =
                tensor.datatype === "BYTES"
                  ? tensor.strings.length === count
                  : tensor.bytes.byteLength % Math.max(1, count) === 0;
              if (!whole) throw new Error(`${tensor.name} is not whole`);
            }
          });
        },
      ),
      { numRuns: cases(5_000) },
    );
  });
});
