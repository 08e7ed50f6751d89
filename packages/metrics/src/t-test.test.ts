import { NonFiniteError } from "@roentgen/core";
import { describe, expect, test } from "vitest";
import { fixture, relativeError } from "./fixture.ts";
import { markOf, significance, tTest } from "./t-test.ts";

describe("tTest", () => {
  test("is t = -sqrt(6)/2 with 4 degrees of freedom by hand", () => {
    // 1 2 3 against 2 3 4: both variances 1, difference -1, standard error sqrt(2/3).
    const test = tTest([1, 2, 3], [2, 3, 4]);
    expect(test?.difference).toBe(-1);
    expect(test?.student.t).toBeCloseTo(-Math.sqrt(6) / 2, 14);
    expect(test?.student.df).toBe(4);
    // With 4 degrees of freedom, P(|T| > t) = 1 - s (3 - s^2) / 2 for s = t / sqrt(4 + t^2).
    const s = Math.sqrt(1.5) / Math.sqrt(5.5);
    expect(test?.student.p).toBeCloseTo(1 - (s * (3 - s * s)) / 2, 14);
    expect(test?.welch.df).toBeCloseTo(4, 14);
  });

  describe.each(fixture.tTest)("$name", ({ name, a, b, ...want }) => {
    test.each(["student", "welch"] as const)("%s agrees with exact arithmetic, SciPy and statsmodels", (key) => {
      const got = tTest(a, b)?.[key];
      const { t, df, p, greater, less, scipy, statsmodels } = want[key];
      expect(relativeError(got?.t as number, t)).toBeLessThan(1e-12);
      expect(relativeError(got?.df as number, df)).toBeLessThan(1e-12);
      expect(relativeError(got?.p as number, p)).toBeLessThan(1e-10);
      expect(relativeError(got?.pGreater as number, t >= 0 ? p / 2 : 1 - p / 2)).toBeLessThan(1e-10);
      expect(relativeError(got?.pLess as number, t <= 0 ? p / 2 : 1 - p / 2)).toBeLessThan(1e-10);
      // Both libraries round the means before their difference, which costs them digits where the spread is far below the mean.
      const digits = ["large offset", "ten runs each, very far"].includes(name) ? 3e-9 : 2e-10;
      expect(relativeError(got?.p as number, scipy[2])).toBeLessThan(digits);
      expect(relativeError(got?.p as number, statsmodels[2])).toBeLessThan(digits);
      expect(relativeError(got?.pGreater as number, greater)).toBeLessThan(digits);
      expect(relativeError(got?.pLess as number, less)).toBeLessThan(digits);
      expect((got?.pGreater as number) + (got?.pLess as number)).toBeCloseTo(1, 15);
    });
  });

  test("turns its sign with its arguments and keeps its p", () => {
    const { a, b } = fixture.tTest[0] as (typeof fixture.tTest)[number];
    expect(tTest(b, a)?.student.t).toBeCloseTo(-(tTest(a, b)?.student.t as number), 14);
    expect(tTest(b, a)?.student.pLess).toBeCloseTo(tTest(a, b)?.student.pGreater as number, 14);
    expect(tTest([1, 2], [2, 1])?.student).toEqual({ t: 0, df: 2, p: 1, pGreater: 0.5, pLess: 0.5 });
  });

  test.each([
    ["one run each", [1], [2]],
    ["one run in a group", [1, 2, 3], [2]],
    ["no runs", [], []],
    ["two constant groups", [1, 1, 1], [2, 2, 2]],
    ["two constant groups of inexact values", new Array<number>(10).fill(0.1), new Array<number>(10).fill(0.3)],
  ])("there is none for %s: null, not NaN", (_, a, b) => {
    expect(tTest(a, b)).toBeNull();
    expect(significance(tTest(a, b))).toBeNull();
  });

  test("refuses undefined scores", () => {
    expect(() => tTest([1, NaN], [1, 2])).toThrow(NonFiniteError);
  });
});

describe("marks", () => {
  test.each([
    [0.05, "ns"],
    [0.0499, "*"],
    [0.01, "*"],
    [0.0099, "**"],
    [0.001, "**"],
    [0.00099, "***"],
    [0.0001, "***"],
    [0.000099, "****"],
    [1, "ns"],
    [0, "****"],
  ] as const)("p = %d is marked %s", (p, mark) => {
    expect(markOf(p)).toBe(mark);
  });

  test("carry the sign of the difference", () => {
    const low = [1, 1.01, 0.99, 1.02];
    const high = [2, 2.01, 1.99, 2.02];
    expect(significance(tTest(high, low))).toEqual({ mark: "****", sign: 1, label: "+****" });
    expect(significance(tTest(low, high))).toEqual({ mark: "****", sign: -1, label: "-****" });
    expect(significance(tTest([1, 2, 3], [1.1, 2, 3]))).toEqual({ mark: "ns", sign: -1, label: "ns" });
    expect(significance(tTest([1, 2], [2, 1]))).toEqual({ mark: "ns", sign: 0, label: "ns" });
  });
});
