import { DataError, NonFiniteError, ShapeError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { fixture } from "./fixture.ts";
import { argmaxRows, meanAuc, oneVersusRestAuc, sigmoid, softmaxRows } from "./multiclass.ts";

const close = (values: readonly (number | null)[]) => values.map((v) => (v === null ? null : expect.closeTo(v, 13)));

describe("meanAuc", () => {
  test("is scikit-learn's per class, and says which class was left out", () => {
    const { scores, labels, classes, perClass, mean } = fixture.multilabel;
    expect(meanAuc(scores, labels, { classes })).toEqual({ perClass: close(perClass), mean: expect.closeTo(mean, 13), skipped: [3] });
  });

  test("scores the chosen columns in the chosen order", () => {
    const { scores, labels, classes, perClass } = fixture.multilabel;
    expect(meanAuc(scores, labels, { classes, scored: [4, 0] })).toEqual({
      perClass: close([perClass[4] as number, perClass[0] as number]),
      mean: expect.closeTo(((perClass[4] as number) + (perClass[0] as number)) / 2, 13),
      skipped: [],
    });
    expect(meanAuc(scores, labels, { classes, scored: [3] })).toEqual({ perClass: [null], mean: null, skipped: [3] });
  });

  test("is 3/4 by hand: one class ranked rightly, one a tie", () => {
    expect(meanAuc([0.9, 0.5, 0.1, 0.5], [1, 0, 0, 1], { classes: 2 })).toEqual({ perClass: [1, 0.5], mean: 0.75, skipped: [] });
  });

  test("refuses rows that do not fit", () => {
    expect(() => meanAuc([1, 2, 3], [1, 0, 1], { classes: 2 })).toThrow(ShapeError);
    expect(() => meanAuc([1, 2], [1, 0], { classes: 2, scored: [2] })).toThrow(DataError);
    expect(() => meanAuc([1, 2], [1, 0], { classes: 0 })).toThrow(ShapeError);
  });
});

describe("several exclusive classes", () => {
  const { logits, truth, classes, softmax, predicted, mean, perClass } = fixture.multiclass;

  test("softmaxRows is SciPy's, logits of a thousand included", () => {
    softmaxRows(logits, classes).forEach((p, i) => expect(p).toBeCloseTo(softmax[i] as number, 15));
    expect([...softmaxRows([Math.log(1), Math.log(3)], 2)]).toEqual([expect.closeTo(0.25, 15), expect.closeTo(0.75, 15)]);
    expect(() => softmaxRows([NaN, 1], 2)).toThrow(NonFiniteError);
  });

  test("oneVersusRestAuc is scikit-learn's", () => {
    expect(oneVersusRestAuc(softmaxRows(logits, classes), truth, { classes })).toEqual({
      perClass: close(perClass),
      mean: expect.closeTo(mean, 13),
      skipped: [],
    });
  });

  test("oneVersusRestAuc leaves out a class that does not occur, and refuses one that does not exist", () => {
    expect(oneVersusRestAuc([0.7, 0.3, 0, 0.2, 0.8, 0], [0, 1], { classes: 3 })).toEqual({ perClass: [1, 1, null], mean: 1, skipped: [2] });
    expect(() => oneVersusRestAuc([0.7, 0.3], [2], { classes: 2 })).toThrow(DataError);
    expect(() => oneVersusRestAuc([0.7, 0.3], [0, 1], { classes: 2 })).toThrow(ShapeError);
  });

  test("argmaxRows takes the first of equals", () => {
    expect([...argmaxRows(logits, classes)]).toEqual(predicted);
    expect([...argmaxRows([1, 1, 0, 2, 5, 5], 3)]).toEqual([0, 1]);
  });

  test("sigmoid keeps its tails", () => {
    expect([...sigmoid([0, Math.log(3), -800, 800])]).toEqual([0.5, expect.closeTo(0.75, 15), 0, 1]);
    expect(sigmoid([-700])[0]).toBeCloseTo(Math.exp(-700), 310);
  });
});
