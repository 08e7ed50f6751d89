import { ConfigError, Rng } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { bcaInterval, bootstrap, bootstrapDifference, bootstrapMean, percentileInterval } from "./bootstrap.ts";
import { fixture } from "./fixture.ts";
import { resampledAuc, rocAuc } from "./roc.ts";
import { mean, sd } from "./summary.ts";

const ten = [81.2, 81.9, 81.5, 81.7, 81.6, 81.8, 81.4, 81.7, 81.9, 81.3];

describe("intervals of a given distribution", () => {
  test.each(fixture.bootstrap)("percentile and BCa are SciPy's on the resamples that SciPy drew ($level)", (row) => {
    const { values, level, indices } = row;
    const sorted = Float64Array.from(indices, (drawn) => mean(drawn.map((i) => values[i] as number)) as number).sort();
    const jackknife = values.map((_, left) => mean(values.filter((_, i) => i !== left)) as number);
    expect(percentileInterval(sorted, level)).toEqual(row.percentile.map((v) => expect.closeTo(v, 12)));
    expect(bcaInterval(sorted, mean(values) as number, jackknife, level)).toEqual(row.bca.map((v) => expect.closeTo(v, 11)));
  });

  test("the 95 % ends of 0 to 40 are 1 and 39 by hand", () => {
    expect(percentileInterval(Array.from({ length: 41 }, (_, i) => i), 0.95)).toEqual([expect.closeTo(1, 12), expect.closeTo(39, 12)]);
  });

  test("BCa does not exist without spread, or outside its own distribution", () => {
    expect(bcaInterval([1, 1, 1], 1, [1, 1], 0.95)).toBeNull();
    expect(bcaInterval([1, 2, 3], 5, [1, 2], 0.95)).toBeNull();
  });
});

describe("bootstrap", () => {
  test("the same seed gives the same interval, another seed a near one", () => {
    const draws = new Rng(0);
    const values = Float64Array.from({ length: 30 }, () => draws.normal());
    const once = bootstrapMean(values, { rng: new Rng(1) });
    expect(bootstrapMean(values, { rng: new Rng(1) })).toEqual(once);
    const other = bootstrapMean(values, { rng: new Rng(2) });
    expect(other?.low).not.toBe(once?.low);
    expect(Math.abs((other?.low as number) - (once?.low as number))).toBeLessThan(0.05);
  });

  test("of a mean is about 1.96 standard errors wide each way", () => {
    const rng = new Rng(3);
    const values = Float64Array.from({ length: 200 }, () => rng.normal(5, 2));
    const halfWidth = (1.96 * (sd(values) as number)) / Math.sqrt(200);
    for (const method of ["percentile", "bca"] as const) {
      const interval = bootstrapMean(values, { rng, resamples: 4000, method });
      expect(interval?.estimate).toBe(mean(values));
      expect(Math.abs(((interval?.high as number) - (interval?.low as number)) / (2 * halfWidth) - 1)).toBeLessThan(0.08);
    }
  });

  test("covers the true mean about as often as it claims", () => {
    const rng = new Rng(4);
    let covered = 0;
    for (let round = 0; round < 400; round++) {
      const sample = Float64Array.from({ length: 40 }, () => rng.normal());
      const interval = bootstrapMean(sample, { rng, resamples: 300 });
      if ((interval?.low as number) < 0 && (interval?.high as number) > 0) covered++;
    }
    // 0.95 of 400 with a binomial standard error of 0.011; percentile intervals of 40 values cover about 0.93.
    expect(covered / 400).toBeGreaterThan(0.89);
    expect(covered / 400).toBeLessThan(0.98);
  });

  test("of an AUC resamples cases and counts the resamples that hold one class only", () => {
    const scores = [0.9, 0.4, 0.35, 0.8, 0.2];
    const labels = [1, 0, 1, 1, 0];
    const options = () => ({ rng: new Rng(9), resamples: 500 });
    const interval = bootstrap(5, resampledAuc(scores, labels), options());
    const slow = bootstrap(
      5,
      (indices) =>
        rocAuc(
          Array.from(indices, (i) => scores[i] as number),
          Array.from(indices, (i) => labels[i] as number),
        ),
      options(),
    );
    expect(interval).toEqual(slow);
    expect(interval?.estimate).toBeCloseTo(5 / 6, 15);
    // A draw of five holds one class with chance (3/5)^5 + (2/5)^5 = 0.088.
    expect((interval?.undefinedResamples as number) / 500).toBeCloseTo(0.088, 1);
    expect(interval?.high).toBe(1);
  });

  test("of a difference leans the right way and narrows with the level", () => {
    const lower = ten.map((v) => v - 0.5);
    const wide = bootstrapDifference(ten, lower, { rng: new Rng(6), level: 0.99 });
    const narrow = bootstrapDifference(ten, lower, { rng: new Rng(6), level: 0.8 });
    expect(wide?.estimate).toBeCloseTo(0.5, 12);
    expect(wide?.low as number).toBeLessThan(narrow?.low as number);
    expect(wide?.high as number).toBeGreaterThan(narrow?.high as number);
    expect(narrow?.low as number).toBeGreaterThan(0);
  });

  test("there is none of one value, of none, or of an undefined statistic", () => {
    const options = { rng: new Rng(1) };
    expect(bootstrapMean([3], options)).toBeNull();
    expect(bootstrapMean([], options)).toBeNull();
    expect(bootstrapDifference([1], [1, 2], options)).toBeNull();
    expect(bootstrap(3, () => null, options)).toBeNull();
    expect(bootstrap(2, resampledAuc([1, 2], [0, 0]), options)).toBeNull();
    expect(bootstrapMean([2, 2, 2], { ...options, method: "bca" })).toBeNull();
  });

  test("refuses options out of range", () => {
    expect(() => bootstrapMean(ten, { rng: new Rng(1), level: 95 })).toThrow(ConfigError);
    expect(() => bootstrapMean(ten, { rng: new Rng(1), resamples: 0 })).toThrow(ConfigError);
  });
});
