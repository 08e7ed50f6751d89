import { describe, expect, it } from "vitest";
import { fromHalf, toHalf } from "./half.ts";

describe("f16 words", () => {
  it("come back as they were, all 65,536 of them", () => {
    const words = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const back = toHalf(fromHalf(words));
    // every NaN is the quiet one
    const wanted = words.map((w) => ((w & 0x7fff) > 0x7c00 ? 0x7e00 : w));
    expect(back.findIndex((w, i) => ((w & 0x7fff) > 0x7c00 ? 0x7e00 : w) !== wanted[i])).toBe(-1);
  });

  it.each([
    ["a tie goes to the even neighbour", 1 + 2 ** -11, 0x3c00],
    ["the other way too", 1 + 3 * 2 ** -11, 0x3c02],
    ["just above a tie goes up", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
    ["the last that stays finite", 65_519, 0x7bff],
    ["the first that does not", 65_520, 0x7c00],
    ["far beyond", -1e30, 0xfc00],
    ["the smallest", 2 ** -24, 0x0001],
    ["half of it is a tie", 2 ** -25, 0x0000],
    ["more than half of it", 2 ** -25 * 1.01, 0x0001],
    ["the largest subnormal rounds up to the smallest normal", 2 ** -14 - 2 ** -26, 0x0400],
    ["minus zero", -0, 0x8000],
  ])("%s: %f", (_, value, word) => {
    expect(toHalf([value])[0]).toBe(word);
  });
});
