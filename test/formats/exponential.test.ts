import { expect, it } from "vitest";
import { GraphBuilder } from "../../src/formats/onnx/build.ts";
import { exactExp } from "../../src/formats/onnx/exponential.ts";
import { createSession, fromOrt, toOrt } from "../../src/runtime/session.ts";

/** e^x in a graph against whole numbers of 300 bits. */

const bits = 300n;
const whole = (value: number) => BigInt(value * 2 ** 200) << (bits - 200n);

/** e^x · 2^bits for |x| ≤ 1 of 2^−200 steps, by its series. */
function powerOf(x: bigint): bigint {
  let term = 1n << bits;
  let sum = term;
  for (let n = 1n; term !== 0n && term !== -1n; n += 1n) {
    term = ((term * x) / n) >> bits;
    sum += term;
  }
  return sum;
}

/** By how many units in the last place the answer is away from e^x. */
function unitsOff(x: number, answer: number): number {
  // e^x = (e^(x/1024))^1024.
  let power = powerOf(whole(x / 1_024));
  for (let times = 0; times < 10; times += 1) power = (power * power) >> bits;
  const unit = 2 ** (Math.floor(Math.log2(answer)) - 52);
  return Number(((whole(answer / 2 ** 60) << 60n) - power) >> (bits - 120n)) / 2 ** 120 / unit;
}

async function exps(values: readonly number[]): Promise<Float64Array> {
  const graph = new GraphBuilder();
  const x = graph.input("x", "FP64", [-1]);
  graph.output(exactExp(graph, x), { name: "y", datatype: "FP64", shape: [-1] });
  const session = await createSession({ source: graph.finish(), threads: 1, exact: true });
  const bytes = new Uint8Array(Float64Array.from(values).buffer);
  const input = { name: "x", datatype: "FP64", shape: [values.length], bytes } as const;
  const { y } = await session.run({ x: toOrt(input) });
  await session.release();
  if (y === undefined) throw new Error("no answer");
  const answer = fromOrt("y", y);
  if (answer.datatype === "BYTES") throw new Error("texts");
  return new Float64Array(Uint8Array.from(answer.bytes).buffer);
}

it("is never off by more than a little over half a unit, and mostly rounded right", async () => {
  let state = 1;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const values = Array.from({ length: 2_000 }, (_, at) =>
    at % 2 === 0 ? -random() * 2 : (random() - 0.5) * 40,
  );
  const answers = await exps(values);
  const off = values.map((x, at) => Math.abs(unitsOff(x, answers[at] ?? 0)));
  expect(Math.max(...off)).toBeLessThan(0.52);
  expect(off.filter((units) => units > 0.5).length).toBeLessThan(values.length * 0.02);
});

it("goes as far as doubles do", async () => {
  const values = [0, -0, 1e-300, 709.78, 711, -740, -746, -1e9, 1e9, Infinity, -Infinity, NaN];
  const answers = [...(await exps(values))];
  expect(answers.slice(0, 3)).toEqual([1, 1, 1]);
  expect(answers[3]).toBeCloseTo(Math.exp(709.78), -295);
  expect(answers[5]).toBe(Math.exp(-740));
  expect([answers[4], ...answers.slice(6)]).toEqual([Infinity, 0, 0, Infinity, Infinity, 0, NaN]);
});
