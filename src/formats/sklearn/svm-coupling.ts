import type { GraphBuilder, Value } from "../onnx/build.ts";

/**
 * Probabilities of classes from those of pairs, [N, K(K−1)/2] → [N, K] (Wu, Lin and Weng 2004, second
 * method). libsvm iterates towards the minimum of a quadratic form to a tolerance; its condition is
 * linear, so the minimum itself is computed here: Q p + b = 0, Σ p = 1, by elimination.
 */
export function coupled(graph: GraphBuilder, pairs: Value, classes: number): Value {
  const one = graph.double(1);
  const at = (index: number) => graph.columns(pairs, [index]);
  if (classes === 2) {
    const first = at(0);
    return graph.concat([first, graph.sub(one, first)]);
  }
  const r: Value[][] = Array.from({ length: classes }, () => []);
  let pair = 0;
  for (let first = 0; first < classes; first += 1) {
    for (let second = first + 1; second < classes; second += 1) {
      const p = at(pair);
      const row = r[first];
      const other = r[second];
      if (row !== undefined) row[second] = p;
      if (other !== undefined) other[first] = graph.sub(one, p);
      pair += 1;
    }
  }
  const system = equations(graph, r, classes);
  return graph.concat(solved(graph, system));
}

/** Rows of [Q 1 | 0; 1ᵀ 0 | 1]. */
function equations(
  graph: GraphBuilder,
  r: readonly (readonly Value[])[],
  classes: number,
): Value[][] {
  const value = (row: number, column: number) => r[row]?.[column] ?? graph.double(0);
  const zero = graph.double(0);
  const one = graph.double(1);
  const rows: Value[][] = [];
  for (let i = 0; i < classes; i += 1) {
    const row: Value[] = [];
    for (let j = 0; j < classes; j += 1) {
      if (i !== j) {
        row.push(graph.node("Neg", [graph.mul(value(j, i), value(i, j))]));
        continue;
      }
      let sum: Value | undefined;
      for (let k = 0; k < classes; k += 1) {
        if (k === i) continue;
        const square = graph.mul(value(k, i), value(k, i));
        sum = sum === undefined ? square : graph.add(sum, square);
      }
      row.push(sum ?? zero);
    }
    rows.push([...row, one, zero]);
  }
  rows.push([...Array.from({ length: classes }, () => one), zero, one]);
  return rows;
}

/** Gauss-Jordan; the form is positive on the diagonal, which is small enough to need no pivots. */
function solved(graph: GraphBuilder, rows: Value[][]): Value[] {
  const size = rows.length;
  for (let pivot = 0; pivot < size; pivot += 1) {
    const lead = rows[pivot] ?? [];
    const by = lead[pivot] ?? "";
    const scaled = lead.map((value) => graph.div(value, by));
    rows[pivot] = scaled;
    for (const [at, row] of rows.entries()) {
      if (at === pivot) continue;
      const factor = row[pivot] ?? "";
      rows[at] = row.map((value, column) =>
        column < pivot ? value : graph.sub(value, graph.mul(factor, scaled[column] ?? "")),
      );
    }
  }
  return rows.slice(0, -1).map((row) => row.at(-1) ?? "");
}
