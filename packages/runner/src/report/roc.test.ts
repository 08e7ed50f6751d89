import { describe, expect, it } from "vitest";
import { curveOf, rateAt } from "./roc.ts";
import { fixtureReport } from "./report.fixture.ts";
import type { TrialResult } from "../results.ts";

const [trial] = fixtureReport({ trials: 1 }).trials;
const curve = [[0, 0], [0, 0.4], [0.5, 0.4], [1, 1]].map(([x = 0, y = 0]) => ({ falsePositiveRate: x, truePositiveRate: y, threshold: 0 }));

describe("ROC curves of a report", () => {
  it.each([
    ["the top of a vertical rise", 0, 0.4],
    ["a flat part", 0.25, 0.4],
    ["a slope", 0.75, 0.7],
    ["the end", 1, 1],
  ])("a curve's rate at %s", (_, x, rate) => {
    expect(rateAt(curve, x)).toBeCloseTo(rate, 12);
  });

  it.each([
    ["class numbers", ["a", "b"], [[0.9, 0.1], [0.2, 0.8]], [[0], [1]]],
    ["0 or 1 for each class", ["a", "b"], [[0.9, 0.1], [0.2, 0.8]], [[1, 0], [0, 1]]],
    ["0 or 1 for the only class", ["a"], [[0.9], [0.2]], [[1], [0]]],
  ])("labels may be %s", (_, classes, probabilities, labels) => {
    const asked = { ...trial, scores: { ...trial?.scores, classes }, predictions: { files: [], probabilities, labels } } as unknown as TrialResult;
    expect(curveOf(asked, 0)?.map((p) => [p.falsePositiveRate, p.truePositiveRate])).toEqual([[0, 0], [0, 1], [1, 1]]);
  });

  it.each([
    ["a class with one value only", { probabilities: [[0.9, 0.1]], labels: [[0]] }],
    ["a row without the class", { probabilities: [[0.9, 0.1], []], labels: [[0], [1]] }],
    ["probabilities that became null in JSON", { probabilities: [[null, 0.1], [0.3, 0.7]], labels: [[0], [1]] }],
    ["fewer labels than rows", { probabilities: [[0.9, 0.1], [0.3, 0.7]], labels: [[0]] }],
  ])("there is no curve for %s", (_, predictions) => {
    expect(curveOf({ ...trial, predictions: { files: [], ...predictions } } as unknown as TrialResult, 0)).toBeNull();
  });
});
