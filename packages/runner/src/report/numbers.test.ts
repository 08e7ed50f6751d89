import { describe, expect, it } from "vitest";
import { duration, fixed, grouped, interval, meanSd, percent, points, pRelation, pValue, signed } from "./numbers.ts";

describe("numbers in a report", () => {
  it.each([
    ["a share as percent", percent(0.817), "81.70"],
    ["no share", percent(null), "–"],
    ["a share that is not a number", percent(Number.NaN), "–"],
    ["an infinite share", percent(Number.POSITIVE_INFINITY), "–"],
    ["a fall", points(-0.125), "−12.50"],
    ["a rise", points(0.0015), "+0.15"],
    ["a difference that rounds to nothing", points(-0.00001), "0.00"],
    ["mean and SD", meanSd({ mean: 0.817, sd: 0.0015 }), "81.70 ± 0.15"],
    ["the mean of one trial", meanSd({ mean: 0.817, sd: null }), "81.70 ± –"],
    ["the mean of none", meanSd({ mean: null, sd: null }), "–"],
    ["an interval", interval({ low: 0.814, high: 0.82 }), "81.40 to 82.00"],
    ["no interval", interval(null), "–"],
    ["a large p", pValue(0.4712), "0.47"],
    ["a p near the threshold", pValue(0.0496), "0.050"],
    ["a small p", pValue(0.00032), "0.00032"],
    ["a tiny p", pValue(1e-12), "< 0.0001"],
    ["no p", pValue(null), "–"],
    ["p in a sentence", pRelation(0.012), "p = 0.012"],
    ["a tiny p in a sentence", pRelation(0), "p < 0.0001"],
    ["a mark", signed("-**"), "−**"],
    ["a loss", fixed(0.12345, 3), "0.123"],
    ["a loss that is not a number", fixed(Number.NaN, 3), "–"],
    ["seconds", duration(9.96), "10.0 s"],
    ["a minute", duration(59.9), "1 min 0 s"],
    ["hours", duration(7805), "2 h 10 min"],
    ["no time", duration(-1), "–"],
    ["a parameter count", grouped(32521105), "32,521,105"],
  ])("%s", (_, shown, text) => {
    expect(shown).toBe(text);
  });
});
