import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drained } from "../../../src/protocol/sliced.ts";
import { decodePredict } from "../../../src/protocol/v1/predict.ts";
import { cases } from "../../support/cases.ts";
import { expectOnly } from "../refusal.ts";
import { decode, outcome, plainInputs, target } from "./decoding.ts";

const scalar = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.integer({ min: -3, max: 3 }),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
);

const key = fc.oneof(fc.constantFrom("a", "b", "b64", "0", "instances", "inputs"), fc.string());

/** Values as bodies have them, and as they should not. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(scalar, { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
    fc.string().map((text) => ({ b64: Buffer.from(text).toString("base64") })),
  ),
}));

const body = fc.oneof(
  fc.record({ instances: fc.array(value, { maxLength: 4 }) }),
  fc.record({ inputs: value }),
  fc.record({ instances: value, inputs: value }, { requiredKeys: [] }),
  value,
);

/** Where a text is cut, spoiled or doubled. */
const mutation = fc.tuple(
  fc.constantFrom("cut", "spoil", "double"),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.integer({ min: 0, max: 255 }),
);

function mutated(text: Buffer, [kind, where, byte]: [string, number, number]): Buffer {
  const at = Math.floor(where * text.length);
  if (kind === "cut") return text.subarray(0, at);
  if (kind === "double") return Buffer.concat([text.subarray(0, at), text]);
  const spoiled = Buffer.from(text);
  if (spoiled.length > 0) spoiled[Math.min(at, spoiled.length - 1)] = byte;
  return spoiled;
}

describe("decodePredict", () => {
  it("throws nothing but a client's mistake, whatever comes", () => {
    fc.assert(
      fc.property(body, fc.array(mutation, { maxLength: 2 }), (value, mutations) => {
        const text = mutations.reduce(mutated, Buffer.from(JSON.stringify(value) ?? ""));
        expectOnly(["invalid-request"], () => drained(decodePredict(target, text)));
      }),
      { numRuns: cases(2_000) },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expectOnly(["invalid-request"], () => decode(Buffer.from(bytes)));
      }),
      { numRuns: cases(1_000) },
    );
  });

  it("says the same in slices of any size", () => {
    fc.assert(
      fc.property(
        body,
        fc.integer({ min: 1, max: 40 }),
        fc.array(mutation, { maxLength: 1 }),
        (value, sliceBytes, mutations) => {
          const text = mutations.reduce(mutated, Buffer.from(JSON.stringify(value) ?? ""));
          expect(outcome(text, sliceBytes)).toEqual(outcome(text));
        },
      ),
      { numRuns: cases(1_000) },
    );
  });

  it("stacks what has one shape, and refuses what has not", () => {
    fc.assert(
      fc.property(nested, (rows) => {
        const text = JSON.stringify({ instances: rows });
        const shape = shapeOf(rows);
        if (shape === undefined) {
          expect(outcome(text)).toContain("must have the same shape");
        } else {
          const elements = rows.flat(Number.POSITIVE_INFINITY);
          expect(plainInputs(text)).toMatchObject({
            count: rows.length,
            values: { shape, elements },
          });
        }
      }),
      { numRuns: cases(2_000) },
    );
  });
});

/** Lists of numbers within lists, most of them of one shape. */
const nested = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 0, maxLength: 3 }),
    fc.integer({ min: 1, max: 4 }),
    fc.option(fc.array(fc.nat(3), { maxLength: 3 }), { freq: 2 }),
  )
  .map(([shape, count, spoil]) => {
    const make = (dims: readonly number[]): unknown => {
      const [dim, ...rest] = dims;
      return dim === undefined ? 1.5 : Array.from({ length: dim }, () => make(rest));
    };
    const rows: unknown[] = Array.from({ length: count }, () => make(shape));
    if (spoil !== null) spoilAt(rows, spoil);
    return rows;
  });

function spoilAt(rows: unknown[], path: readonly number[]): void {
  let list = rows;
  for (const step of path) {
    const inner = list[step];
    if (!Array.isArray(inner)) break;
    list = inner;
  }
  if (list.length > 0) list[list.length - 1] = [2];
}

/** By the definition of a shape; `undefined` where there is none. */
function shapeOf(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value)) return [];
  const [first, ...others] = value.map(shapeOf);
  if (value.length === 0) return [0];
  const same = others.every((other) => other !== undefined && `${other}` === `${first}`);
  return first === undefined || !same ? undefined : [value.length, ...first];
}
