import { type Attributes, arrayItems } from "./attributes.ts";
import type { Fitted, Lowering, Part } from "./fitted.ts";
import { treeImportances } from "./importances.ts";

/** Transformers that keep some columns as they are. */

function kept({ estimator, columns }: Part, mask: readonly boolean[]): Pick<Fitted, "transform"> {
  if (mask.length !== columns.length) throw estimator.unknown("the mask of columns");
  return { transform: columns.filter((_, at) => mask[at] === true) };
}

export const lowerVarianceThreshold: Lowering = (part) => {
  const least = part.estimator.number("threshold");
  return kept(
    part,
    Array.from(part.estimator.doubles("variances_").values, (one) => one > least),
  );
};

export const lowerSelectKBest: Lowering = (part) => {
  const { estimator } = part;
  const scores = Array.from(estimator.doubles("scores_").values, (one) =>
    Number.isNaN(one) ? -Number.MAX_VALUE : one,
  );
  const k = estimator.get("k");
  if (k === "all")
    return kept(
      part,
      scores.map(() => true),
    );
  const order = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b);
  const count = estimator.number("k");
  const best = new Set(count === 0 ? [] : order.slice(-count));
  return kept(
    part,
    scores.map((_, at) => best.has(at)),
  );
};

export const lowerSelectFpr: Lowering = (part) => {
  const alpha = part.estimator.number("alpha");
  return kept(
    part,
    Array.from(part.estimator.doubles("pvalues_").values, (one) => one < alpha),
  );
};

export const lowerSelectFwe: Lowering = (part) => {
  const pvalues = part.estimator.doubles("pvalues_").values;
  const alpha = part.estimator.number("alpha") / pvalues.length;
  return kept(
    part,
    Array.from(pvalues, (one) => one < alpha),
  );
};

/** Benjamini and Hochberg's procedure. */
export const lowerSelectFdr: Lowering = (part) => {
  const pvalues = part.estimator.doubles("pvalues_").values;
  const alpha = part.estimator.number("alpha");
  const count = pvalues.length;
  const passing = [...pvalues]
    .sort((a, b) => a - b)
    .filter((one, at) => one <= (alpha / count) * (at + 1));
  const most = passing.at(-1) ?? Number.NEGATIVE_INFINITY;
  return kept(
    part,
    Array.from(pvalues, (one) => one <= most),
  );
};

export const lowerSelectPercentile: Lowering = (part) => {
  const { estimator } = part;
  const percentile = estimator.number("percentile");
  const scores = Array.from(estimator.doubles("scores_").values, (one) =>
    Number.isNaN(one) ? -Number.MAX_VALUE : one,
  );
  const threshold = percentileOf(scores, 100 - percentile);
  const mask = scores.map((one) => percentile === 100 || (percentile > 0 && one > threshold));
  const most = Math.trunc((scores.length * percentile) / 100);
  let free = percentile > 0 && percentile < 100 ? most - mask.filter((one) => one).length : 0;
  for (const [at, one] of scores.entries()) {
    if (one !== threshold || free <= 0) continue;
    mask[at] = true;
    free -= 1;
  }
  return kept(part, mask);
};

/** As numpy has it, between the two nearest. */
function percentileOf(values: readonly number[], percentile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percentile) / 100;
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - Math.floor(place));
}

export const lowerSequentialSelector: Lowering = (part) => kept(part, supportOf(part));

function supportOf({ estimator }: Part): readonly boolean[] {
  const support = estimator.get("support_");
  if (typeof support !== "object" || support.kind !== "array") throw estimator.unknown("support_");
  return arrayItems(support).map((one) => one === true);
}

/** RFE and RFECV: the mask is kept, and the estimator goes on. */
export const lowerRfe: Lowering = (part) => {
  const { transform = [] } = kept(part, supportOf(part));
  return { ...part.lower(part.estimator.child("estimator_"), transform), transform };
};

export const lowerSelectFromModel: Lowering = (part) => {
  const { estimator } = part;
  const inner = estimator.child(estimator.has("estimator_") ? "estimator_" : "estimator");
  const importances = importancesOf(inner, estimator);
  const threshold = thresholdOf(estimator, inner, importances);
  const most = estimator.maybeNumber("max_features");
  const order = [...importances.keys()].sort(
    (a, b) => (importances[b] ?? 0) - (importances[a] ?? 0) || a - b,
  );
  const allowed = new Set(most === undefined ? order : order.slice(0, most));
  return kept(
    part,
    importances.map((one, at) => one >= threshold && allowed.has(at)),
  );
};

function importancesOf(inner: Attributes, owner: Attributes): number[] {
  const trees = treeImportances(inner);
  if (trees !== undefined) return [...trees];
  const coefficients = inner.maybeDoubles(["coef_"]);
  if (coefficients === undefined) throw owner.unknown("estimator", inner.name);
  const { shape, values } = coefficients;
  const [rows = 1, width = rows] = shape.length === 1 ? [1, shape[0]] : shape;
  const order = owner.maybeNumber("norm_order") ?? 1;
  if (order !== 1 && rows > 1) throw owner.unknown("norm_order");
  return Array.from({ length: width }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < rows; row += 1) sum += Math.abs(values[row * width + at] ?? 0);
    return sum;
  });
}

/** A number, or a number of times the mean or the median. */
function thresholdOf(
  estimator: Attributes,
  inner: Attributes,
  importances: readonly number[],
): number {
  const given = estimator.get("threshold_", "threshold");
  if (typeof given === "number") return given;
  if (given === undefined) {
    return /Lasso/.test(inner.name) || inner.get("penalty") === "l1" ? 1e-5 : meanOf(importances);
  }
  const match = /^(?:([\d.]+)\s*\*\s*)?(mean|median)$/.exec(String(given));
  if (match === null) throw estimator.unknown("threshold");
  const factor = match[1] === undefined ? 1 : Number(match[1]);
  return factor * (match[2] === "mean" ? meanOf(importances) : medianOf(importances));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
