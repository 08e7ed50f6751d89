import { DataError, ShapeError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { accuracy, accuracyOf, confusionMatrix, countsAt, sensitivity, specificity, youden } from "./counts.ts";
import { fixture } from "./fixture.ts";

describe("countsAt", () => {
  test.each(fixture.counts.rows)("counts and rates are scikit-learn's at threshold $threshold", (row) => {
    const c = countsAt(fixture.counts.scores, fixture.counts.labels, row.threshold);
    expect([c.truePositives, c.falsePositives, c.falseNegatives, c.trueNegatives]).toEqual(row.counts);
    expect(sensitivity(c)).toBeCloseTo(row.sensitivity, 15);
    expect(specificity(c)).toBeCloseTo(row.specificity, 15);
    expect(accuracyOf(c)).toBeCloseTo(row.accuracy, 15);
    expect(youden(c)).toBeCloseTo(row.sensitivity + row.specificity - 1, 14);
  });

  test("a score equal to the threshold is positive; rates without a denominator are null", () => {
    const c = countsAt([0.5, 0.4], [1, 1], 0.5);
    expect(c).toEqual({ truePositives: 1, falsePositives: 0, falseNegatives: 1, trueNegatives: 0 });
    expect([sensitivity(c), specificity(c), youden(c), accuracyOf(c)]).toEqual([0.5, null, null, 0.5]);
    expect(accuracyOf(countsAt([], [], 0))).toBeNull();
  });
});

describe("classes", () => {
  const { predicted, truth, classes } = fixture.multiclass;

  test("accuracy and confusionMatrix are scikit-learn's", () => {
    expect(accuracy(predicted, truth)).toBeCloseTo(fixture.multiclass.accuracy, 15);
    expect(confusionMatrix(predicted, truth, classes)).toEqual(fixture.multiclass.confusion);
  });

  test("rows are the truth and columns the calls, by hand", () => {
    expect(confusionMatrix([1, 1, 0], [0, 1, 0], 2)).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(accuracy([1, 1, 0], [0, 1, 0])).toBe(2 / 3);
    expect(accuracy([], [])).toBeNull();
  });

  test("refuse what does not fit", () => {
    expect(() => accuracy([1], [1, 2])).toThrow(ShapeError);
    expect(() => confusionMatrix([2], [0], 2)).toThrow(DataError);
    expect(() => confusionMatrix([0], [0.5], 2)).toThrow(DataError);
  });
});
