import { jsonSliceBytes } from "../src/domain/limits.ts";
import { parseModelName } from "../src/domain/model.ts";
import type { FixedTensor, Tensor } from "../src/domain/tensor.ts";
import { scanInfer } from "../src/protocol/v2/scanned.ts";
import { valueParts } from "../src/protocol/v2/values.ts";

/**
 * Large JSON tensors: the scanner against `JSON.parse` and a typed array of what it gives, and the
 * writer against `JSON.stringify` of an array. Run as `node bench/codec.ts [rounds]`.
 */

const rounds = Number(process.argv[2] ?? 15);
const count = 3 * 224 * 224;
const target = { model: parseModelName("m"), version: undefined };

const inputs: Readonly<Record<string, (index: number) => string>> = {
  "17 digits": () => (2 * Math.random() - 1).toPrecision(17),
  "as JavaScript writes": () => String(Math.random()),
  "4 decimals": () => (2 * Math.random() - 1).toFixed(4),
  pixels: () => String(Math.floor(Math.random() * 256)),
  exponents: () => (Math.random() * 10 ** -(5 + Math.random() * 20)).toExponential(),
};

function bodyOf(datatype: string, elements: readonly string[], nested: boolean): Buffer {
  const rows = elements.flatMap((_, at) =>
    at % 224 === 0 ? [`[${elements.slice(at, at + 224).join(",")}]`] : [],
  );
  const text = nested ? rows.join(",") : elements.join(",");
  return Buffer.from(
    `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,3,224,224],"data":[${text}]}]}`,
  );
}

const arrays = { FP32: Float32Array, FP64: Float64Array } as const;

function scanned(body: Buffer): Tensor | undefined {
  const work = scanInfer(target, body, Buffer.alloc(0));
  for (;;) {
    const { done, value } = work.next();
    if (done) return value.inputs.kind === "tensors" ? value.inputs.tensors[0] : undefined;
  }
}

function parsed(body: Buffer, datatype: "FP32" | "FP64"): Uint8Array {
  const { data } = JSON.parse(body.toString("latin1")).inputs[0];
  return new Uint8Array(arrays[datatype].from(data.flat()).buffer);
}

/** The longest time between two yields. */
function longestSliceMs(body: Buffer): number {
  const work = scanInfer(target, body, Buffer.alloc(0), jsonSliceBytes);
  let longest = 0;
  for (let done: boolean | undefined = false; !done; ) {
    const start = performance.now();
    done = work.next().done;
    longest = Math.max(longest, performance.now() - start);
  }
  return longest;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Medians of both, interleaved. */
function compare(one: () => unknown, other: () => unknown): [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let round = -3; round < rounds; round += 1) {
    for (const [which, run] of [one, other].entries()) {
      const start = performance.now();
      run();
      if (round >= 0) times[which]?.push(performance.now() - start);
    }
  }
  return [median(times[0]), median(times[1])];
}

for (const datatype of ["FP32", "FP64"] as const) {
  for (const [name, element] of Object.entries(inputs)) {
    const elements = Array.from({ length: count }, (_, index) => element(index));
    for (const nested of [false, true]) {
      const body = bodyOf(datatype, elements, nested);
      const tensor = scanned(body);
      if (tensor === undefined || tensor.datatype === "BYTES") throw new Error("no tensor");
      if (Buffer.compare(tensor.bytes, parsed(body, datatype)) !== 0) throw new Error("values");
      const [ours, theirs] = compare(
        () => scanned(body),
        () => parsed(body, datatype),
      );
      console.log(
        `${datatype} ${name}${nested ? ", nested" : ""}: JSON.parse ÷ scanner ` +
          `${(theirs / ours).toFixed(2)} (${theirs.toFixed(1)} and ${ours.toFixed(1)} ms, ` +
          `slices up to ${median(Array.from({ length: 5 }, () => longestSliceMs(body))).toFixed(2)} ms)`,
      );
    }
  }
}

const values = Float32Array.from({ length: 100_000 }, () => 2 * Math.random() - 1);
const tensor: FixedTensor = {
  name: "y",
  datatype: "FP32",
  shape: [values.length],
  bytes: new Uint8Array(values.buffer),
};
const [ours, theirs] = compare(
  () => [...valueParts(tensor)].map((part) => Buffer.from(part)),
  () => Buffer.from(JSON.stringify(Array.from(values))),
);
console.log(
  `writing FP32: JSON.stringify ÷ writer ${(theirs / ours).toFixed(2)} ` +
    `(${((theirs * 1e6) / values.length).toFixed(0)} and ` +
    `${((ours * 1e6) / values.length).toFixed(0)} ns for each number)`,
);
