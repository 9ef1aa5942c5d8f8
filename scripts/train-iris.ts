import { readFileSync, writeFileSync } from "node:fs";
import { tensorOf, writeModel } from "../src/formats/onnx/writer.ts";

/**
 * Trains `models/iris/model.onnx`: multinomial logistic regression on Fisher's Iris (150 rows,
 * R. A. Fisher, 1936), with a ridge penalty, by gradient descent in float64. No randomness: the
 * file comes out the same, bit for bit.
 *
 *   input-0 FP32 [-1,4] → label INT64 [-1], probabilities FP32 [-1,3]
 */

const featureCount = 4;
const classCount = 3;
const steps = 20_000;
const rate = 0.2;
const ridge = 0.001;

interface Row {
  readonly features: readonly number[];
  readonly label: number;
}

function readRows(): Row[] {
  const text = readFileSync(new URL("./iris.csv", import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").map(Number))
    .map((numbers) => ({
      features: numbers.slice(0, featureCount),
      label: numbers[featureCount] ?? 0,
    }));
}

/** Rows with a 1 behind the features; weights with the bias as their last row. */
function train(rows: readonly Row[]): number[][] {
  const weights = Array.from({ length: featureCount + 1 }, () => new Array(classCount).fill(0));
  for (let step = 0; step < steps; step += 1) {
    const gradient = weights.map((row) => row.map((weight: number) => weight * ridge));
    for (const { features, label } of rows) {
      const inputs = [...features, 1];
      const errors = probabilities(weights, inputs).map((p, k) => p - (k === label ? 1 : 0));
      for (const [i, input] of inputs.entries()) {
        for (const [k, error] of errors.entries())
          add(gradient, i, k, (input * error) / rows.length);
      }
    }
    for (const [i, row] of gradient.entries()) {
      for (const [k, slope] of row.entries()) add(weights, i, k, -rate * slope);
    }
  }
  return weights;
}

function add(matrix: number[][], i: number, k: number, delta: number): void {
  const row = matrix[i];
  if (row !== undefined) row[k] = (row[k] ?? 0) + delta;
}

function probabilities(weights: readonly number[][], inputs: readonly number[]): number[] {
  const scores = Array.from({ length: classCount }, (_, k) =>
    inputs.reduce((sum, input, i) => sum + input * (weights[i]?.[k] ?? 0), 0),
  );
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The graph: scores = x·W + b; probabilities = softmax(scores); label = argmax(scores). */
export function irisModel(): Uint8Array {
  const weights = train(readRows());
  const matrix = new Float32Array(weights.slice(0, featureCount).flat());
  const bias = new Float32Array(weights[featureCount] ?? []);
  return writeModel(
    {
      name: "iris",
      nodes: [
        { op: "MatMul", inputs: ["input-0", "weights"], outputs: ["products"] },
        { op: "Add", inputs: ["products", "bias"], outputs: ["scores"] },
        {
          op: "Softmax",
          inputs: ["scores"],
          outputs: ["probabilities"],
          attributes: { axis: { int: 1 } },
        },
        {
          op: "ArgMax",
          inputs: ["scores"],
          outputs: ["label"],
          attributes: { axis: { int: 1 }, keepdims: { int: 0 } },
        },
      ],
      initializers: [
        tensorOf("weights", "FP32", [featureCount, classCount], matrix),
        tensorOf("bias", "FP32", [classCount], bias),
      ],
      inputs: [{ name: "input-0", datatype: "FP32", shape: [-1, featureCount] }],
      outputs: [
        { name: "label", datatype: "INT64", shape: [-1] },
        { name: "probabilities", datatype: "FP32", shape: [-1, classCount] },
      ],
    },
    { opsets: { "": 17 } },
  );
}

if (import.meta.main) {
  writeFileSync(new URL("../models/iris/model.onnx", import.meta.url), irisModel());
}
