/** Whether something grows: a straight line through points, and how sure its slope is. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  readonly slope: number;
  /** Half of the slope's 95 % interval. */
  readonly bound: number;
}

/** Two-sided 95 % quantile of Student's t with 18 degrees of freedom, those of 20 blocks. */
const studentT = 2.101;
const blockCount = 20;

/**
 * Least squares over the means of 20 blocks of points. Blocks, because neighbouring samples of
 * memory say the same twice: what a collection frees was held by all of them.
 */
export function slopeOf(points: readonly Point[]): Slope {
  const blocks = blocksOf(points);
  const meanX = mean(blocks.map(({ x }) => x));
  const meanY = mean(blocks.map(({ y }) => y));
  const spread = sum(blocks.map(({ x }) => (x - meanX) ** 2));
  const slope = sum(blocks.map(({ x, y }) => (x - meanX) * (y - meanY))) / spread;
  const rest = sum(blocks.map(({ x, y }) => (y - meanY - slope * (x - meanX)) ** 2));
  return { slope, bound: studentT * Math.sqrt(rest / (blockCount - 2) / spread) };
}

function blocksOf(points: readonly Point[]): Point[] {
  if (points.length < blockCount) throw new Error(`${points.length} samples are too few`);
  return Array.from({ length: blockCount }, (_, at) => {
    const from = Math.floor((at * points.length) / blockCount);
    const to = Math.floor(((at + 1) * points.length) / blockCount);
    const block = points.slice(from, to);
    return { x: mean(block.map(({ x }) => x)), y: mean(block.map(({ y }) => y)) };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
