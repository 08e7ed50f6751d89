import { describe, expect, it } from "vitest";
import { doubtsOf } from "./ceilings.ts";
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
});
