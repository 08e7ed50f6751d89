import { describe, expect, test } from "vitest";
import { fixture, relativeError } from "./fixture.ts";
import { incompleteBeta, logBeta, normalQuantile, normalUpperTail, studentUpperTail } from "./special.ts";

// The smallest values compared are 1e-305: exp(-700), where one rounding of the exponent is 1e-13 of the value.
const TAIL_TOLERANCE = 1e-12;

describe("special functions", () => {
  test("have the values of the closed forms", () => {
    expect(incompleteBeta(1, 1, 0.3)).toBeCloseTo(0.3, 15);
    expect(incompleteBeta(2, 1, 0.3)).toBeCloseTo(0.09, 15);
    expect(incompleteBeta(0.5, 0.5, 0.5)).toBeCloseTo(0.5, 14);
    expect([incompleteBeta(3, 4, 0), incompleteBeta(3, 4, 1)]).toEqual([0, 1]);
    expect(logBeta(0.5, 0.5)).toBeCloseTo(Math.log(Math.PI), 14);
    expect(logBeta(3, 4)).toBeCloseTo(Math.log(1 / 60), 14);
    // One degree of freedom is Cauchy's distribution: 1/2 - atan(t)/pi; two have 1/2 - t / (2 sqrt(2 + t^2)).
    expect(studentUpperTail(1, 1)).toBeCloseTo(0.25, 15);
    expect(studentUpperTail(2, 2)).toBeCloseTo(0.5 - 1 / Math.sqrt(6), 15);
    expect(studentUpperTail(-2, 2)).toBeCloseTo(0.5 + 1 / Math.sqrt(6), 15);
    expect([studentUpperTail(0, 7), studentUpperTail(Infinity, 7)]).toEqual([0.5, 0]);
  });

  test("the tails of Student's t are right to 12 digits from p = 1/2 to p = 1e-305", () => {
    const worst = fixture.studentTails.map(([t, df, exact]) => ({ t, df, error: relativeError(studentUpperTail(t, df), exact) }));
    expect(worst.filter(({ error }) => !(error < TAIL_TOLERANCE))).toEqual([]);
    expect(Math.min(...fixture.studentTails.map(([, , exact]) => exact))).toBeLessThan(1e-290);
  });

  test("the tails of Student's t are SciPy's to 10 digits wherever SciPy is itself that near the exact value", () => {
    const near = fixture.studentTails.filter(([, , exact, scipy]) => relativeError(scipy, exact) < 1e-10);
    expect(near.length).toBeGreaterThan(0.9 * fixture.studentTails.length);
    for (const [t, df, , scipy] of near) expect(relativeError(studentUpperTail(t, df), scipy)).toBeLessThan(1e-10);
  });

  test("the incomplete beta function is right to 12 digits, large and small parameters included", () => {
    const errors = fixture.betas.map(([a, b, x, exact]) => ({ a, b, x, error: relativeError(incompleteBeta(a, b, x), exact) }));
    expect(errors.filter(({ error }) => !(error < TAIL_TOLERANCE))).toEqual([]);
  });

  test("the normal tail and quantile agree with mpmath and SciPy", () => {
    for (const [z, p] of fixture.normal.tails) expect(relativeError(normalUpperTail(z), p)).toBeLessThan(1e-12);
    for (const [p, z] of fixture.normal.quantiles) expect(Math.abs(normalQuantile(p) - z)).toBeLessThan(1e-11);
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
  });
});
