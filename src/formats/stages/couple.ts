import type { Tensor } from "../../domain/tensor.ts";
import type { CoupleStage } from "./stage.ts";

/**
 * Probabilities of classes from those of pairs (Wu, Lin and Weng 2004, second method), by libsvm's
 * own iteration and tolerance: where it stops early, so does this.
 */
export function couple({ output, classes }: CoupleStage, pairs: Tensor): Tensor {
  const [rows = 0, width = 0] = pairs.shape;
  const shape = [rows, classes];
  const all = new Float64Array(rows * classes);
  if (pairs.datatype !== "BYTES") {
    const given = new Float64Array(pairs.bytes.slice().buffer);
    for (let row = 0; row < rows; row += 1) {
      all.set(coupled(given.subarray(row * width, (row + 1) * width), classes), row * classes);
    }
  }
  return { name: output, datatype: "FP64", shape, bytes: new Uint8Array(all.buffer) };
}

const iterationsMin = 100;

function coupled(pairs: Float64Array, classes: number): Float64Array {
  const q = formOf(pairs, classes);
  const p = new Float64Array(classes).fill(1 / classes);
  const qp = new Float64Array(classes);
  const tolerance = 0.005 / classes;
  for (let round = 0; round < Math.max(iterationsMin, classes); round += 1) {
    let pqp = 0;
    for (let t = 0; t < classes; t += 1) {
      let sum = 0;
      for (let j = 0; j < classes; j += 1) sum += (q[t * classes + j] ?? 0) * (p[j] ?? 0);
      qp[t] = sum;
      pqp += (p[t] ?? 0) * sum;
    }
    if (qp.every((one) => Math.abs(one - pqp) < tolerance)) break;
    for (let t = 0; t < classes; t += 1) {
      const own = q[t * classes + t] ?? 1;
      const step = (-(qp[t] ?? 0) + pqp) / own;
      p[t] = (p[t] ?? 0) + step;
      pqp = (pqp + step * (step * own + 2 * (qp[t] ?? 0))) / (1 + step) / (1 + step);
      for (let j = 0; j < classes; j += 1) {
        qp[j] = ((qp[j] ?? 0) + step * (q[t * classes + j] ?? 0)) / (1 + step);
        p[j] = (p[j] ?? 0) / (1 + step);
      }
    }
  }
  return p;
}

/** The quadratic form whose minimum is looked for. */
function formOf(pairs: Float64Array, classes: number): Float64Array {
  const r = new Float64Array(classes * classes);
  let pair = 0;
  for (let i = 0; i < classes; i += 1) {
    for (let j = i + 1; j < classes; j += 1) {
      r[i * classes + j] = pairs[pair] ?? 0;
      r[j * classes + i] = 1 - (pairs[pair] ?? 0);
      pair += 1;
    }
  }
  const q = new Float64Array(classes * classes);
  for (let t = 0; t < classes; t += 1) {
    for (let j = 0; j < classes; j += 1) {
      if (j === t) continue;
      const back = r[j * classes + t] ?? 0;
      q[t * classes + t] = (q[t * classes + t] ?? 0) + back * back;
      q[t * classes + j] = -back * (r[t * classes + j] ?? 0);
    }
  }
  return q;
}
