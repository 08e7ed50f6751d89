// Receiver operating characteristic. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006);
// the area as a rank statistic: Hanley and McNeil, Radiology 143 (1982). A score is called positive at a threshold if it is
// at least the threshold, so that every point of the curve belongs to one score that occurs.
import { type Numbers, ordered, positive, sameLength } from "./check.ts";

interface Split {
  /** Scores of the label-1 items, ascending. */
  readonly positives: Float64Array;
  /** Scores of the label-0 items, ascending. */
  readonly negatives: Float64Array;
}

/** Scores apart by label. Two typed arrays sort natively, several times faster than one array of indices. */
function split(who: string, scores: Numbers, labels: Numbers): Split {
  const n = sameLength(who, "scores", scores, "labels", labels);
  const sorted = new Float64Array(n);
  let low = 0;
  let high = n;
  for (let i = 0; i < n; i++) {
    const score = ordered(who, scores[i] as number, i);
    if (positive(who, labels[i], i)) sorted[--high] = score;
    else sorted[low++] = score;
  }
  return { positives: sorted.subarray(high).sort(), negatives: sorted.subarray(0, low).sort() };
}

/**
 * Area under the empirical ROC curve: the chance that a random positive scores above a random negative, a tie counting half.
 *
 * @param scores  any real numbers, infinities included, one an item; only their order matters
 * @param labels  0 or 1, one an item
 * @returns  0 to 1, exact but for one rounding; null if there is no positive or no negative
 * @throws ShapeError on different lengths, NonFiniteError on a NaN score, DataError on a label that is neither 0 nor 1
 */
export function rocAuc(scores: Numbers, labels: Numbers): number | null {
  const { positives, negatives } = split("rocAuc", scores, labels);
  if (positives.length === 0 || negatives.length === 0) return null;
  // Twice the Mann-Whitney U: each positive counts 2 for each negative below it and 1 for each equal one.
  let below = 0;
  let upTo = 0;
  let twice = 0;
  for (const score of positives) {
    while (below < negatives.length && (negatives[below] as number) < score) below++;
    while (upTo < negatives.length && (negatives[upTo] as number) <= score) upTo++;
    twice += below + upTo;
  }
  return twice / 2 / positives.length / negatives.length;
}

/**
 * The AUC of resamples of one test set, without sorting again: sorts once, then each call costs one pass.
 *
 * @returns  a function from item indices (repeats allowed) to their AUC, null if they hold one class only; fits `bootstrap`
 * @throws as rocAuc
 */
export function resampledAuc(scores: Numbers, labels: Numbers): (indices: Numbers) => number | null {
  const n = sameLength("resampledAuc", "scores", scores, "labels", labels);
  const isPositive = Uint8Array.from({ length: n }, (_, i) => (positive("resampledAuc", labels[i], i) ? 1 : 0));
  const held = Float64Array.from({ length: n }, (_, i) => ordered("resampledAuc", scores[i] as number, i));
  const order = Uint32Array.from(held.keys()).sort((a, b) => {
    const x = held[a] as number;
    const y = held[b] as number;
    return x < y ? -1 : x > y ? 1 : 0;
  });
  const group = new Uint32Array(n);
  let groups = 0;
  order.forEach((item, i) => {
    if (i > 0 && held[item] !== held[order[i - 1] as number]) groups++;
    group[item] = groups;
  });
  const counts = new Uint32Array(2 * (groups + 1));
  return (indices) => {
    counts.fill(0);
    for (let i = 0; i < indices.length; i++) {
      const item = indices[i] as number;
      const at = 2 * (group[item] as number) + (isPositive[item] as number);
      counts[at] = (counts[at] as number) + 1;
    }
    let negatives = 0;
    let positives = 0;
    let twice = 0;
    for (let at = 0; at < counts.length; at += 2) {
      const equal = counts[at] as number;
      const here = counts[at + 1] as number;
      twice += here * (2 * negatives + equal);
      negatives += equal;
      positives += here;
    }
    return positives === 0 || negatives === 0 ? null : twice / 2 / positives / negatives;
  };
}

/** A point of a ROC curve: the rates when every score of at least `threshold` is called positive. */
export interface RocPoint {
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
  readonly threshold: number;
}

/**
 * The empirical ROC curve, from (0, 0) at threshold infinity to (1, 1) at the lowest score; equal scores make one step.
 *
 * @param options.dropCollinear  leave out points in the middle of equal steps, which change neither the drawn curve nor
 *   its area, by scikit-learn's rule (`drop_intermediate`): a point stays if a second difference of either count is not 0
 * @returns  points by falling threshold; null if there is no positive or no negative
 * @throws as rocAuc
 */
export function rocCurve(scores: Numbers, labels: Numbers, { dropCollinear = true } = {}): RocPoint[] | null {
  const { positives, negatives } = split("rocCurve", scores, labels);
  if (positives.length === 0 || negatives.length === 0) return null;
  const steps: { threshold: number; truePositives: number; falsePositives: number }[] = [];
  let p = positives.length;
  let n = negatives.length;
  while (p > 0 || n > 0) {
    const threshold = Math.max(positives[p - 1] ?? -Infinity, negatives[n - 1] ?? -Infinity);
    while (p > 0 && positives[p - 1] === threshold) p--;
    while (n > 0 && negatives[n - 1] === threshold) n--;
    steps.push({ threshold, truePositives: positives.length - p, falsePositives: negatives.length - n });
  }
  const kept = steps.filter((step, i) => {
    const before = steps[i - 1];
    const after = steps[i + 1];
    if (!dropCollinear || before === undefined || after === undefined) return true;
    return (
      after.truePositives - step.truePositives !== step.truePositives - before.truePositives ||
      after.falsePositives - step.falsePositives !== step.falsePositives - before.falsePositives
    );
  });
  return [{ threshold: Infinity, truePositives: 0, falsePositives: 0 }, ...kept].map((step) => ({
    falsePositiveRate: step.falsePositives / negatives.length,
    truePositiveRate: step.truePositives / positives.length,
    threshold: step.threshold,
  }));
}

/** An operating point and what it is worth. */
export interface OperatingPoint {
  readonly threshold: number;
  readonly sensitivity: number;
  readonly specificity: number;
  /** Youden's J: sensitivity + specificity - 1, from 0 to 1. */
  readonly youden: number;
}

/**
 * The threshold of the largest Youden index (Youden, Cancer 3, 1950), found on the curve itself; the highest threshold of
 * equals. Scores of at least the threshold are positive. Choose it on validation data, report it on test data.
 *
 * @returns  null if there is no positive or no negative
 * @throws as rocAuc
 */
export function youdenPoint(scores: Numbers, labels: Numbers): OperatingPoint | null {
  const curve = rocCurve(scores, labels, { dropCollinear: false });
  if (curve === null) return null;
  let best: RocPoint | undefined;
  for (const point of curve) {
    if (best === undefined || point.truePositiveRate - point.falsePositiveRate > best.truePositiveRate - best.falsePositiveRate) best = point;
  }
  const { threshold, truePositiveRate, falsePositiveRate } = best as RocPoint;
  return { threshold, sensitivity: truePositiveRate, specificity: 1 - falsePositiveRate, youden: truePositiveRate - falsePositiveRate };
}
