// Scores of several classes: rows of `classes` values, row-major, one row an item.
import { ShapeError } from "@roentgen/core";
import { classId, type Numbers, ordered, rowsOf, sameLength } from "./check.ts";
import { rocAuc } from "./roc.ts";

/** AUC of each scored class and their plain mean. */
export interface MeanAuc {
  /** In the order of `scored`; null where the test set holds one value of the class only. */
  readonly perClass: (number | null)[];
  /** Unweighted mean over the defined ones; null if there is none. */
  readonly mean: number | null;
  /** Class numbers of the undefined ones: state them beside the mean. */
  readonly skipped: number[];
}

/** Which columns are scored, in which order; all by default. */
export interface ScoredClasses {
  readonly classes: number;
  readonly scored?: readonly number[];
}

function columnAucs(who: string, scores: Numbers, { classes, scored }: ScoredClasses, label: (row: number, column: number) => number): MeanAuc {
  const rows = rowsOf(who, scores, classes);
  const columns = scored ?? Array.from({ length: classes }, (_, c) => c);
  const perClass = columns.map((column, i) => {
    classId(`${who}: scored`, column, classes, i);
    const score = Float64Array.from({ length: rows }, (_, row) => scores[row * classes + column] as number);
    return rocAuc(score, Array.from({ length: rows }, (_, row) => label(row, column)));
  });
  const defined = perClass.filter((auc) => auc !== null);
  return {
    perClass,
    mean: defined.length === 0 ? null : defined.reduce((sum, auc) => sum + auc, 0) / defined.length,
    skipped: columns.filter((_, i) => perClass[i] === null),
  };
}

/**
 * ROC AUC per class of a multi-label problem and its unweighted mean (ChestX-ray14: 14 classes; CheXpert: 5 of 14 columns).
 *
 * @param scores  [rows, classes], row-major
 * @param labels  [rows, classes], 0 or 1
 * @throws ShapeError on lengths that do not match, otherwise as rocAuc
 */
export function meanAuc(scores: Numbers, labels: Numbers, classes: ScoredClasses): MeanAuc {
  sameLength("meanAuc", "scores", scores, "labels", labels);
  return columnAucs("meanAuc", scores, classes, (row, column) => labels[row * classes.classes + column] as number);
}

/**
 * One-versus-rest AUC per class of a single-label problem and its unweighted mean (scikit-learn: `multi_class="ovr"`,
 * `average="macro"`).
 *
 * @param scores  [rows, classes], row-major; probabilities, so that rows can be compared (see softmaxRows)
 * @param truth   [rows] class numbers
 * @throws ShapeError on lengths that do not match, DataError on a class number out of range, NonFiniteError on a NaN score
 */
export function oneVersusRestAuc(scores: Numbers, truth: Numbers, classes: ScoredClasses): MeanAuc {
  const rows = rowsOf("oneVersusRestAuc", scores, classes.classes);
  if (truth.length !== rows) throw new ShapeError(`oneVersusRestAuc: ${rows} rows of scores need as many class ids, got ${truth.length}.`);
  for (let i = 0; i < rows; i++) classId("oneVersusRestAuc", truth[i], classes.classes, i);
  return columnAucs("oneVersusRestAuc", scores, classes, (row, column) => (truth[row] === column ? 1 : 0));
}

/** Softmax of each row, in float64, the largest logit subtracted first so that none overflows. [rows, classes] to the same. */
export function softmaxRows(logits: Numbers, classes: number): Float64Array {
  const rows = rowsOf("softmaxRows", logits, classes);
  const out = new Float64Array(logits.length);
  for (let row = 0; row < rows; row++) {
    const start = row * classes;
    let largest = -Infinity;
    for (let i = start; i < start + classes; i++) largest = Math.max(largest, ordered("softmaxRows", logits[i] as number, i));
    let sum = 0;
    for (let i = start; i < start + classes; i++) sum += out[i] = Math.exp((logits[i] as number) - largest);
    for (let i = start; i < start + classes; i++) out[i] = (out[i] as number) / sum;
  }
  return out;
}

/** Logistic function of each value, in float64, without overflow at either end. */
export function sigmoid(logits: Numbers): Float64Array {
  return Float64Array.from(logits, (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))));
}

/** The class of the largest score of each row, the first of equals. [rows, classes] to [rows]. Throws NonFiniteError on NaN. */
export function argmaxRows(scores: Numbers, classes: number): Uint32Array {
  const rows = rowsOf("argmaxRows", scores, classes);
  return Uint32Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let c = 0; c < classes; c++) {
      const score = ordered("argmaxRows", scores[row * classes + c] as number, row * classes + c);
      if (score > (scores[row * classes + best] as number)) best = c;
    }
    return best;
  });
}
