import { describe, expect, it } from "vitest";
import { bestCeilings, type Ceilings, doubtsOf } from "./ceilings.ts";
import { lengthen, stepOf } from "./timing.ts";

it.each([
  ["Chromium's rounding", [65_536n * 3n, 65_536n * 10n, 65_536n * 1_000_001n], 65_536],
  ["a clock of 100 µs", [300_000n, 1_000_000n], 100_000],
  ["a fine clock", [1_000_003n, 1_000_410n, 1_002_999n], 1],
  ["a GPU that counts in 80 ns", [800n, 1680n, 2400n], 80],
])("finds the step of %s from its times", (_, stamps, step) => {
  expect(stepOf(BigUint64Array.from(stamps))).toBe(step);
});

it("takes the beginnings and the ends of dispatches together: either alone may be one time only", () => {
  expect(stepOf(BigUint64Array.of(14_652_814_087_609n), BigUint64Array.of(14_652_815_250_010n))).toBe(1);
});

it("lengthens rows until each is long against the clock, and no further than the device's patience", () => {
  const counts = Uint32Array.of(1, 1, 1, 10, 8192);
  // Long enough; half of it; nothing by this clock; close; at the limit.
  const expected = lengthen(counts, Float64Array.of(6, 2.5, 0, 4.9, 1), 5);
  expect([...counts]).toEqual([1, 3, 16, 13, 8192]);
  // By the time of one execution, also where the row was lengthened before.
  expect([...(expected ?? [])].map((ms) => Number(ms.toFixed(6)))).toEqual([6, 7.5, 0, 6.37, 1]);
  expect(lengthen(counts, Float64Array.of(6, 7.5, 5, 6, 1), 5)).toBeNull();
});

describe("a ceiling", () => {
  const sample = (amount: number, timeMs: number) => ({ amount, timeMs, perSecond: amount / timeMs });
  it("is doubted where more work takes less time, or none", () => {
    expect(doubtsOf("copy", [sample(1e6, 1), sample(2e6, 1.9), sample(4e6, 4)])).toEqual([]);
    expect(doubtsOf("copy", [sample(1e6, 1), sample(2e6, 0.5), sample(4e6, 0)])).toEqual([
      "copy: 2.0e+6 took less time (0.500 ms) than 1.0e+6 (1.000 ms)",
      "copy: 4.0e+6 took no time by this clock",
    ]);
  });

  const round = (gflopPerSecond: number, copies: readonly (readonly [mebibytes: number, gigabytesPerSecond: number])[], launchMs: number): Ceilings => {
    const f32 = [sample(1e9, 1e9 / (gflopPerSecond * 1e9))];
    const copy = copies.map(([n, perSecond]) => sample(n * 2 ** 20, (n * 2 ** 20) / (perSecond * 1e9)));
    const speeds = copies.map(([, speed]) => speed);
    return { gflopPerSecond, halfGflopPerSecond: null, gigabytesPerSecond: speeds.at(-1) ?? 0, cachedGigabytesPerSecond: Math.max(...speeds), launchMs, samples: { f32, f16: [], copy }, doubts: [] };
  };

  it("measured twice is the better of each figure and of each size", () => {
    const best = bestCeilings([round(100, [[1, 30], [64, 9]], 0.05), round(95, [[1, 28], [64, 10]], 0.048)]);
    expect(best.gflopPerSecond).toBeCloseTo(100, 9);
    expect(best.gigabytesPerSecond).toBeCloseTo(10, 9);
    expect(best.cachedGigabytesPerSecond).toBeCloseTo(30, 9);
    expect(best).toMatchObject({ launchMs: 0.048, halfGflopPerSecond: null, doubts: [] });
    expect(best.samples.copy.map((s) => [s.amount / 2 ** 20, Math.round(s.perSecond / 1e9)])).toEqual([[1, 30], [64, 10]]);
    expect(best.rounds.map((r) => r.gflopPerSecond)).toEqual([100, 95]);
  });

  it("is doubted where two measurements are further apart than 15 %", () => {
    expect(bestCeilings([round(59.8, [[64, 21.9]], 0.05), round(154, [[64, 7]], 0.08)]).doubts).toEqual([
      "f32 multiply-add: 59.8, then 154.0 GFLOP/s", "copy: 21.9, then 7.0 GB/s", "empty dispatch: 0.0500, then 0.0800 ms",
    ]);
    expect(bestCeilings([round(100, [[64, 10]], 0.05), round(114, [[64, 11.4]], 0.05)]).doubts).toEqual([]);
  });
});
