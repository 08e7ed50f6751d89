import { describe, expect, it } from "vitest";
import { type Convolution, costsOf } from "./convolution.ts";
import { windowOf } from "./window.ts";

const shape = (input: readonly [number, number], kernel: readonly [number, number], options: Parameters<typeof windowOf>[3]): Convolution =>
  ({ batch: 2, input, c: 4, k: 8, groups: 1, window: windowOf("conv2d", input, kernel, options) });

describe("what a convolution costs", () => {
  it.each([
    ["all pixels where taps meet all", shape([8, 8], [3, 3], { padding: 1 }), 0],
    ["a quarter where a 1x1 filter steps by two", shape([8, 8], [1, 1], { stride: 2 }), 48],
    ["all but the last row and column of an even image", shape([8, 8], [3, 3], { stride: 2 }), 64 - 49],
    ["all where padding shifts the taps on them", shape([8, 8], [3, 3], { stride: 2, padding: 1 }), 0],
    ["every third row and column of a dilated filter's", shape([7, 7], [3, 3], { stride: 9, dilation: 3 }), 49 - 9],
  ])("reads %s", (_, convolution, pixels) => {
    const bytes = 2 * pixels * 4 * 4;
    expect([costsOf(convolution, "forward").unread, costsOf(convolution, "backwardWeight").unread, costsOf(convolution, "backwardX").unread]).toEqual([bytes, bytes, 0]);
    expect(costsOf({ ...convolution, dtype: "f16" }, "forward").unread).toBe(bytes / 2);
  });
});
