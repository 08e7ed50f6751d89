import { NonFiniteError, ShapeError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { fixture } from "./fixture.ts";
import { dice, iou, maskCounts, OverlapMeter } from "./overlap.ts";

const close = (v: number | null) => (v === null ? null : expect.closeTo(v, 14));

describe("maskCounts", () => {
  test("gives Dice 2/3 and IoU 1/2 by hand", () => {
    // Predicted pixels 0 and 1, true pixels 0 and 3 with one more predicted right: |P| = 3, |Y| = 3, both 2.
    const c = maskCounts([0.9, 0.8, 0.1, 0.2, 0.7], [1, 0, 0, 1, 1]);
    expect(c).toEqual({ truePositives: 2, falsePositives: 1, falseNegatives: 1, trueNegatives: 1 });
    expect([dice(c), iou(c)]).toEqual([2 / 3, 1 / 2]);
  });

  test.each([
    ["empty on empty", [0.2, 0.5], [0, 0], 1, 1],
    ["one pixel on empty", [0.9, 0], [0, 0], 0, 0],
    ["empty on full", [0, 0], [1, 1], 0, 0],
    ["full on full", [1, 1], [1, 1], 1, 1],
    ["no pixels at all", [], [], 1, 1],
  ])("scores %s by the study's convention", (_, prediction, truth, wantDice, wantIou) => {
    const c = maskCounts(prediction, truth);
    expect([dice(c), iou(c)]).toEqual([wantDice, wantIou]);
  });

  test("a value equal to the threshold is off, in both masks", () => {
    expect(maskCounts([0.5, 0.6], [0.6, 0.5])).toEqual({ truePositives: 0, falsePositives: 1, falseNegatives: 1, trueNegatives: 0 });
    expect(maskCounts([0.5], [1], { threshold: 0.4 }).truePositives).toBe(1);
  });

  test("refuses NaN and masks of two sizes", () => {
    expect(() => maskCounts([NaN], [1])).toThrow(NonFiniteError);
    expect(() => maskCounts([1, 0], [1])).toThrow(ShapeError);
  });
});

describe("OverlapMeter", () => {
  test("gives scikit-learn's scores per image, pooled and on average", () => {
    const meter = new OverlapMeter();
    for (const { prediction, truth, scores } of fixture.overlap.images) {
      const got = meter.add(Float32Array.from(prediction), Uint8Array.from(truth));
      expect([got.dice, got.iou, got.sensitivity, got.specificity]).toEqual(scores.map(close));
    }
    const result = meter.result();
    const row = (s: { dice: number; iou: number; sensitivity: number | null; specificity: number | null } | undefined) =>
      s && [s.dice, s.iou, s.sensitivity, s.specificity];
    expect(row(result?.pooled)).toEqual(fixture.overlap.pooled.map(close));
    expect(row(result?.mean)).toEqual(fixture.overlap.mean.map(close));
    expect([result?.images, result?.withoutSensitivity, result?.withoutSpecificity, result?.perImage.length]).toEqual([8, 2, 2, 8]);
  });

  test("pooled and mean differ as by hand: one perfect small image, one half-right large one", () => {
    const meter = new OverlapMeter();
    meter.add([1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]); // Dice 1 of 1 pixel
    meter.add([1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]); // Dice 1/2 of 2 pixels
    const result = meter.result();
    expect(result?.mean.dice).toBe(0.75);
    expect(result?.pooled.dice).toBe((2 * 2) / (3 + 3));
  });

  test("has no result before the first image and counts nothing of an image it refuses", () => {
    const meter = new OverlapMeter();
    expect(meter.result()).toBeNull();
    expect(() => meter.add([1], [1, 1])).toThrow(ShapeError);
    expect(meter.result()).toBeNull();
  });

  test("all-empty predictions on all-empty masks score 1 both ways", () => {
    const meter = new OverlapMeter();
    meter.add([0, 0], [0, 0]);
    meter.add([0.1, 0.1], [0, 0]);
    expect(meter.result()).toMatchObject({ pooled: { dice: 1, iou: 1, sensitivity: null }, mean: { dice: 1, iou: 1, sensitivity: null } });
  });
});
