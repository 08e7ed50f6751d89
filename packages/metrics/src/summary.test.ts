import { NonFiniteError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { fixture, relativeError } from "./fixture.ts";
import { mean, median, populationSd, quantile, sd, summarize } from "./summary.ts";

describe("summaries", () => {
  test("are 5, sqrt(32/7), 2 and 4.5 for the textbook eight", () => {
    const eight = [2, 4, 4, 4, 5, 5, 7, 9];
    expect([mean(eight), sd(eight), populationSd(eight), median(eight)]).toEqual([5, expect.closeTo(Math.sqrt(32 / 7), 15), 2, 4.5]);
  });

  test.each(fixture.summary)("agree with exact arithmetic on $values", (row) => {
    expect(relativeError(mean(row.values) as number, row.mean)).toBeLessThan(1e-15);
    expect(relativeError(sd(row.values) as number, row.sd)).toBeLessThan(1e-14);
    expect(relativeError(populationSd(row.values) as number, row.populationSd)).toBeLessThan(1e-14);
    expect(median(row.values)).toBe(row.median);
    const sorted = Float64Array.from(row.values).sort();
    for (const [q, want] of row.quantiles) expect(relativeError(quantile(sorted, q), want)).toBeLessThan(1e-14);
  });

  test("equal values have a spread of exactly 0, whatever 0.1 times ten adds up to", () => {
    expect(summarize(new Array<number>(10).fill(0.1))).toEqual({ n: 10, mean: 0.1, sd: 0, populationSd: 0, median: 0.1, min: 0.1, max: 0.1 });
  });

  test("one value has no spread and no values have nothing, and both say null", () => {
    expect(summarize([3])).toEqual({ n: 1, mean: 3, sd: null, populationSd: null, median: 3, min: 3, max: 3 });
    expect(summarize([])).toEqual({ n: 0, mean: null, sd: null, populationSd: null, median: null, min: null, max: null });
  });

  test("refuse values that are not finite, and spreads that overflow", () => {
    expect(() => mean([1, NaN])).toThrow(NonFiniteError);
    expect(() => median([Infinity])).toThrow(NonFiniteError);
    expect(() => sd([1e200, -1e200])).toThrow(NonFiniteError);
  });
});
