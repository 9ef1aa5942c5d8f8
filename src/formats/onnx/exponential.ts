import type { GraphBuilder, Value } from "./build.ts";

/** Digits of numbers of arbitrary length, in bits behind the point. */
const bits = 200n;

const parts = 128;
/** ln 2/128 in two parts, of which products with whole numbers below 2^20 are exact. */
const stepHigh = Math.round((Math.LN2 / parts) * 2 ** 39) / 2 ** 39;
const stepLow = lowOf();

/**
 * e^x of doubles, rounded right but for fewer than two results in a hundred, as the C
 * library's: ONNX Runtime's own Exp is off by a unit in the last place now and then, which is
 * seen by those who compare answers digit for digit. By Tang's method: x = k·ln 2/128 + r, the
 * power of two from a table in which each has a tail of its own, e^r by its series. Some
 * thirty nodes: for what a model ends in.
 */
export function exactExp(graph: GraphBuilder, value: Value): Value {
  const x = graph.node("Clip", [value, graph.double(-746), graph.double(710)]);
  const k = graph.node("Round", [graph.mul(x, graph.double(parts / Math.LN2))]);
  const high = graph.sub(x, graph.mul(k, graph.double(stepHigh)));
  const r = graph.sub(high, graph.mul(k, graph.double(stepLow)));
  const whole = graph.cast(k, "INT64");
  const index = graph.node("Mod", [whole, graph.ints([parts], [])]);
  const { powers, tails } = table();
  const power = graph.gather(graph.doubles(powers), index);
  const tail = graph.gather(graph.doubles(tails), index);
  const more = graph.add(graph.add(tail, r), series(graph, r));
  const mantissa = graph.add(power, graph.mul(power, more));
  const exponent = graph.div(graph.sub(k, graph.cast(index, "FP64")), graph.double(parts));
  return graph.mul(mantissa, graph.node("Pow", [graph.double(2), exponent]));
}

/** e^r − 1 − r, for |r| below ln 2/256. */
function series(graph: GraphBuilder, r: Value): Value {
  const square = graph.mul(r, r);
  const inverse = (of: number) => graph.double(1 / of);
  const last = graph.add(inverse(120), graph.mul(r, inverse(720)));
  const third = graph.add(inverse(24), graph.mul(r, last));
  const second = graph.add(inverse(6), graph.mul(r, third));
  return graph.mul(square, graph.add(graph.double(0.5), graph.mul(r, second)));
}

function lowOf(): number {
  // ln 2 = Σ 1/(n·2^n).
  let sum = 0n;
  for (let n = 1n; n <= bits; n += 1n) sum += (1n << (bits - n)) / n;
  return toDouble(sum / BigInt(parts) - fromDouble(stepHigh));
}

let known: { readonly powers: Float64Array; readonly tails: Float64Array } | undefined;

/** 2^(i/128), and by which share the double differs from it. */
function table() {
  if (known !== undefined) return known;
  let root = 2n << bits;
  for (let n = parts; n > 1; n /= 2) root = sqrt(root << bits);
  const powers = new Float64Array(parts);
  const tails = new Float64Array(parts);
  let power = 1n << bits;
  for (let at = 0; at < parts; at += 1) {
    const near = toDouble(power);
    powers[at] = near;
    tails[at] = toDouble(((power - fromDouble(near)) << bits) / fromDouble(near));
    power = (power * root) >> bits;
  }
  known = { powers, tails };
  return known;
}

/** Of a number with 2·bits behind the point, by Newton's method. */
function sqrt(value: bigint): bigint {
  let guess = 1n << (bits + 1n);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

function toDouble(value: bigint): number {
  // As near as two roundings come; of a power, its tail says what is left.
  const shift = 100n;
  const high = value >> shift;
  return (
    Number(high) / 2 ** Number(bits - shift) + Number(value - (high << shift)) / 2 ** Number(bits)
  );
}

function fromDouble(value: number): bigint {
  return BigInt(value * 2 ** 100) << (bits - 100n);
}
