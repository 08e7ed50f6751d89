import { describe, expect, it } from "vitest";
import { messageOf } from "../testing/message-of.ts";
import { type WindowOptions, windowOf } from "./window.ts";

const rows: readonly [string, [number, number], [number, number], WindowOptions, [number, number]][] = [
  ["ResNet's stem", [224, 224], [7, 7], { stride: 2, padding: 3 }, [112, 112]],
  ["ResNet's pool", [112, 112], [3, 3], { stride: 2, padding: 1 }, [56, 56]],
  ["a same convolution", [5, 9], [3, 3], { padding: 1 }, [5, 9]],
  ["one output", [3, 3], [3, 3], {}, [1, 1]],
  ["different axes", [9, 10], [3, 5], { stride: [2, 3], padding: [0, 2] }, [4, 4]],
  ["dilation", [9, 9], [3, 3], { dilation: [2, 4] }, [5, 1]],
  ["Keras' asymmetric padding", [224, 224], [3, 3], { stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } }, [112, 112]],
];

const bad: readonly [string, [number, number], [number, number], WindowOptions][] = [
  ["too small an image", [2, 9], [3, 3], {}],
  ["a stride of zero", [9, 9], [3, 3], { stride: 0 }],
  ["half a padding", [9, 9], [3, 3], { padding: 0.5 }],
  ["a negative side", [9, 9], [3, 3], { padding: { top: 0, bottom: 0, left: -1, right: 0 } }],
  ["an empty kernel", [9, 9], [0, 3], {}],
  ["a dilation that is not a number", [9, 9], [3, 3], { dilation: [1, NaN] }],
];

describe("windowOf", () => {
  it.each(rows)("computes the output of %s", (_, input, kernel, options, output) => {
    expect(windowOf("conv2d", input, kernel, options).output).toEqual(output);
  });

  it("writes out every option", () => {
    expect(windowOf("conv2d", [9, 9], [3, 3], { stride: 2, padding: [1, 2] })).toEqual({
      kernel: [3, 3],
      stride: [2, 2],
      dilation: [1, 1],
      padding: { top: 1, bottom: 1, left: 2, right: 2 },
      output: [5, 6],
    });
  });

  it("refuses what is no window", () => {
    expect(bad.map(([what, input, kernel, options]) => `${what}: ${messageOf(() => windowOf("conv2d", input, kernel, options))}`)).toMatchInlineSnapshot(`
      [
        "too small an image: ShapeError conv2d: the window is 3x3, the image is only 2x9 with its padding. The input is 2x9, kernel 3x3, dilation 1x1. Use a larger input, more padding or a smaller kernel.",
        "a stride of zero: ShapeError conv2d: stride expects whole numbers from 1 to 65535 as one number or [height, width], got [0,0].",
        "half a padding: ShapeError conv2d: padding expects whole numbers from 0 to 65535 as one number or [height, width], got [0.5,0.5].",
        "a negative side: ShapeError conv2d: padding expects whole numbers from 0 to 65535 as one number or [height, width], got [-1,0].",
        "an empty kernel: ShapeError conv2d: kernel expects whole numbers from 1 to 65535 as one number or [height, width], got [0,3].",
        "a dilation that is not a number: ShapeError conv2d: dilation expects whole numbers from 1 to 65535 as one number or [height, width], got [1,null].",
      ]
    `);
  });
});
