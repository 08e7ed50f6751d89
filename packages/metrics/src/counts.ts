// Counts of right and wrong calls, and the rates made of them. A rate without a denominator is null.
import { classId, type Numbers, ordered, positive, sameLength } from "./check.ts";

/** The four cells of a two-class table. */
export interface Counts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/**
 * Calls each score of AT LEAST `threshold` positive, as on the ROC curve, and counts.
 *
 * @throws ShapeError on different lengths, NonFiniteError on a NaN score, DataError on a label that is neither 0 nor 1
 */
export function countsAt(scores: Numbers, labels: Numbers, threshold: number): Counts {
  const n = sameLength("countsAt", "scores", scores, "labels", labels);
  const cell = [0, 0, 0, 0] as [number, number, number, number];
  for (let i = 0; i < n; i++) {
    const called = ordered("countsAt", scores[i] as number, i) >= threshold;
    cell[((positive("countsAt", labels[i], i) ? 2 : 0) + (called ? 1 : 0)) as 0 | 1 | 2 | 3]++;
  }
  return { trueNegatives: cell[0], falsePositives: cell[1], falseNegatives: cell[2], truePositives: cell[3] };
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Share of the positives that were called so (recall, true positive rate); null without positives. */
export const sensitivity = (c: Counts): number | null => ratio(c.truePositives, c.truePositives + c.falseNegatives);

/** Share of the negatives that were called so; null without negatives. */
export const specificity = (c: Counts): number | null => ratio(c.trueNegatives, c.trueNegatives + c.falsePositives);

/** Share of the calls that were right; null for no items. */
export const accuracyOf = (c: Counts): number | null =>
  ratio(c.truePositives + c.trueNegatives, c.truePositives + c.trueNegatives + c.falsePositives + c.falseNegatives);

/** Youden's J, sensitivity + specificity - 1, from -1 to 1; null where either is. */
export function youden(c: Counts): number | null {
  const sens = sensitivity(c);
  const spec = specificity(c);
  return sens === null || spec === null ? null : sens + spec - 1;
}

/**
 * Share of items whose predicted class is the true one; null for no items.
 *
 * @throws ShapeError on different lengths
 */
export function accuracy(predicted: Numbers, truth: Numbers): number | null {
  const n = sameLength("accuracy", "predictions", predicted, "true classes", truth);
  let right = 0;
  for (let i = 0; i < n; i++) if (predicted[i] === truth[i]) right++;
  return ratio(right, n);
}

/**
 * Row i, column j: how many items of true class i were called class j (scikit-learn's layout).
 *
 * @throws ShapeError on different lengths, DataError on a class number out of range
 */
export function confusionMatrix(predicted: Numbers, truth: Numbers, classes: number): number[][] {
  const n = sameLength("confusionMatrix", "predictions", predicted, "true classes", truth);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < n; i++) {
    const row = matrix[classId("confusionMatrix: truth", truth[i], classes, i)] as number[];
    const column = classId("confusionMatrix: predicted", predicted[i], classes, i);
    row[column] = (row[column] as number) + 1;
  }
  return matrix;
}
