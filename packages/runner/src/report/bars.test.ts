import { describe, expect, it } from "vitest";
import { axis } from "./bars.ts";

const bar = (low: number, high: number) => ({ low, high, dots: [(low + high) / 2] });

describe("axis of the bars", () => {
  it.each([
    ["far apart, above chance: from chance", [bar(60, 70), bar(90, 95)], 50, 50],
    ["one below chance: from zero", [bar(40, 45), bar(90, 95)], 50, 0],
    ["overlap scores: from zero", [bar(40, 45), bar(90, 95)], 0, 0],
    ["all close together: from a round number below", [bar(97.2, 97.9), bar(98.0, 98.3)], 0, 96],
    ["one bar: never cut", [bar(97.2, 97.9)], 0, 0],
  ])("%s", (_, bars, chance, from) => {
    const [start, end] = axis(bars, chance);
    expect(start).toBe(from);
    expect(end).toBeGreaterThanOrEqual(Math.max(...bars.map((b) => b.high)));
    expect(end).toBeLessThanOrEqual(100);
  });
});
