import { argmaxRows, confusionMatrix, accuracy, countsAt, meanAuc, oneVersusRestAuc, OverlapMeter, sensitivity, sigmoid, softmaxRows, specificity } from "@roentgen/metrics";
import type { ClassificationScores, SegmentationScores } from "./results.ts";

/** Scores of a classifier from its test probabilities, row by row. `labels`: class indices, or 0 and 1 for each class. */
export function classificationScores(probabilities: Float64Array, labels: readonly (readonly number[])[], classes: readonly string[], multiclass: boolean): ClassificationScores {
  const width = classes.length;
  const truth = labels.map((row) => row[0] ?? 0);
  const column = (c: number) => probabilities.filter((_, i) => i % width === c);
  const hasLabel = (c: number) => labels.map((row) => (multiclass ? Number(row[0] === c) : (row[c] ?? 0)));
  const auc = multiclass ? oneVersusRestAuc(probabilities, truth, { classes: width }) : meanAuc(probabilities, labels.flat(), { classes: width });
  const predicted = argmaxRows(probabilities, width);
  // One label of several: the most probable class is the decision; otherwise each class is decided at one half.
  const counts = classes.map((_, c) => (multiclass ? countsAt(Array.from(predicted, (p) => Number(p === c)), hasLabel(c), 0.5) : countsAt(column(c), hasLabel(c), 0.5)));
  return {
    kind: "classification", classes, auc: auc.perClass, meanAuc: auc.mean,
    accuracy: multiclass ? accuracy(predicted, truth) : accuracy(Array.from(probabilities, (p) => Number(p > 0.5)), labels.flat()),
    sensitivity: counts.map(sensitivity), specificity: counts.map(specificity),
    confusion: multiclass ? confusionMatrix(predicted, truth, width) : null,
  };
}

/** Probabilities from logits: softmax over the classes of a row, or a sigmoid each. */
export const probabilitiesOf = (logits: Float32Array, classes: number, multiclass: boolean): Float64Array => (multiclass ? softmaxRows(logits, classes) : sigmoid(logits));

export function segmentationScores(meter: OverlapMeter): SegmentationScores {
  const result = meter.result();
  if (!result) throw new Error("internal: no test image was scored.");
  const { pooled, mean, perImage } = result;
  return {
    kind: "segmentation", dicePooled: pooled.dice, diceMean: mean.dice, iouPooled: pooled.iou, iouMean: mean.iou,
    sensitivity: pooled.sensitivity, specificity: pooled.specificity, dicePerImage: perImage.map((s) => s.dice),
  };
}
