import { DataError, NonFiniteError, Rng, ShapeError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { fixture } from "./fixture.ts";
import { resampledAuc, rocAuc, rocCurve, youdenPoint } from "./roc.ts";

describe("rocAuc", () => {
  test("is three and a half of four pairs by hand, the tie counting half", () => {
    // Positives 0.8 and 0.4, negatives 0.4 and 0.1: 0.8 beats both, 0.4 beats 0.1 and ties with 0.4.
    expect(rocAuc([0.8, 0.4, 0.4, 0.1], [1, 1, 0, 0])).toBe(3.5 / 4);
  });

  test.each(fixture.auc)("is scikit-learn's for $name", ({ scores, labels, auc }) => {
    expect(rocAuc(scores, labels)).toBeCloseTo(auc, 14);
    expect(rocAuc(Float64Array.from(scores), Uint8Array.from(labels))).toBe(rocAuc(scores, labels));
  });

  test("is 0.5 for constant predictions and undefined for one class", () => {
    expect(rocAuc([7, 7, 7], [0, 1, 0])).toBe(0.5);
    expect(rocAuc([1, 2], [1, 1])).toBeNull();
    expect(rocAuc([1, 2], [0, 0])).toBeNull();
    expect(rocAuc([], [])).toBeNull();
  });

  test("orders infinities and is unchanged by a rising transformation", () => {
    expect(rocAuc([Infinity, -Infinity, 0], [1, 0, 0])).toBe(1);
    const rng = new Rng(5);
    const scores = Float64Array.from({ length: 300 }, () => rng.int(40));
    const labels = Uint8Array.from({ length: 300 }, () => rng.int(2));
    expect(rocAuc(scores.map((s) => Math.exp(s / 7) - 3), labels)).toBe(rocAuc(scores, labels));
    expect((rocAuc(scores.map((s) => -s), labels) as number) + (rocAuc(scores, labels) as number)).toBeCloseTo(1, 14);
  });

  test("refuses what it cannot order", () => {
    expect(() => rocAuc([1, 2], [1])).toThrow(ShapeError);
    expect(() => rocAuc([1, NaN], [1, 0])).toThrow(NonFiniteError);
    expect(() => rocAuc([1, 2], [1, 0.7])).toThrow(DataError);
    expect(() => rocAuc([1, 2], [1, 0.7])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: rocAuc: labels must be 0 or 1, label 1 is 0.7. Threshold soft labels before scoring.]`,
    );
  });
});

describe("resampledAuc", () => {
  test.each(fixture.auc)("equals rocAuc of the drawn items for $name", ({ scores, labels }) => {
    const rng = new Rng(11);
    const auc = resampledAuc(scores, labels);
    expect(auc(scores.map((_, i) => i))).toBe(rocAuc(scores, labels));
    for (let round = 0; round < 20; round++) {
      const drawn = scores.map(() => rng.int(scores.length));
      expect(auc(drawn)).toBe(
        rocAuc(
          drawn.map((i) => scores[i] as number),
          drawn.map((i) => labels[i] as number),
        ),
      );
    }
  });
});

describe("rocCurve", () => {
  test.each(fixture.auc)("is scikit-learn's for $name, with and without the points between", ({ scores, labels, dropped, full }) => {
    for (const [want, dropCollinear] of [
      [dropped, true],
      [full, false],
    ] as const) {
      const curve = rocCurve(scores, labels, { dropCollinear });
      expect(curve?.map((point) => [point.falsePositiveRate, point.truePositiveRate, point.threshold + 0])).toEqual(
        want.map(([fpr, tpr, threshold]) => [expect.closeTo(fpr, 14), expect.closeTo(tpr, 14), (threshold ?? Infinity) + 0]),
      );
    }
  });

  test.each(fixture.auc)("has the area that rocAuc gives for $name", ({ scores, labels }) => {
    const curve = rocCurve(scores, labels) ?? [];
    let area = 0;
    curve.forEach((point, i) => {
      const before = curve[i - 1] ?? point;
      area += ((point.falsePositiveRate - before.falsePositiveRate) * (point.truePositiveRate + before.truePositiveRate)) / 2;
    });
    expect(area).toBeCloseTo(rocAuc(scores, labels) as number, 13);
  });

  test("is undefined for one class", () => {
    expect(rocCurve([1, 2], [0, 0])).toBeNull();
  });
});

describe("youdenPoint", () => {
  test("is found by hand", () => {
    // At 0.6: 2 of 3 positives and 0 of 3 negatives, J = 2/3; at 0.3: 3 of 3 and 2 of 3, J = 1/3.
    expect(youdenPoint([0.9, 0.6, 0.3, 0.5, 0.4, 0.1], [1, 1, 1, 0, 0, 0])).toEqual({
      threshold: 0.6,
      sensitivity: 2 / 3,
      specificity: 1,
      youden: 2 / 3,
    });
  });

  test("calls nothing positive where no threshold helps, and is undefined for one class", () => {
    expect(youdenPoint([0.1, 0.9], [1, 0])).toEqual({ threshold: Infinity, sensitivity: 0, specificity: 1, youden: 0 });
    expect(youdenPoint([0.1, 0.9], [1, 1])).toBeNull();
  });
});
