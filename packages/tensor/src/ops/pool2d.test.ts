import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { backward } from "../tape.ts";
import { empty, tensor } from "../tensor.ts";
import { avgPool2d, globalAvgPool, maxPool2d } from "./pool2d.ts";
import { avgPoolCase, cases, globalAvgPoolCase, maxPoolCase } from "./pool2d.cases.ts";

const size = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(size(max), size(max));
const random = fc.tuple(fc.tuple(size(2), fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 9 }), size(9)), pair(4), pair(4), fc.tuple(...[3, 3, 3, 3].map((n) => fc.nat(n))), fc.boolean(), fc.nat(2), fc.nat(1000))
  .map(([shape, kernel, stride, sides, countIncludePad, kind, seed]) => {
    const [top = 0, bottom = 0, left = 0, right = 0] = sides.map((pad, i) => Math.min(pad, (kernel[i < 2 ? 0 : 1] ?? 1) - 1));
    const options = { kernel, stride, padding: { top, bottom, left, right } };
    if (kind === 0) return maxPoolCase(shape, options, seed);
    return kind === 1 ? avgPoolCase(shape, { ...options, countIncludePad }, seed) : globalAvgPoolCase(shape, seed);
  });

checkOp("pool2d", cases, { arbitrary: random, runs: 300 });

withDevice("maxPool2d", (device) => {
  it("gives the gradient to the first of equal maxima", async () => {
    const x = tensor(device(), [1, 3, 3, 3, 2, 3, 0, 0, 3], [1, 3, 3, 1]);
    x.trainable = true;
    const gradient = backward(maxPool2d(x, { kernel: 2, stride: 1 }), tensor(device(), [1, 10, 100, 1000], [1, 2, 2, 1])).get(x);
    expect(Array.from((await gradient?.floats()) ?? [])).toEqual([0, 11, 0, 100, 0, 1000, 0, 0, 0]);
  });

  it("is not fooled by padding where all values are negative", async () => {
    const x = tensor(device(), new Float32Array(16).fill(-7), [1, 2, 2, 4]);
    expect(Array.from(await maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }).floats())).toEqual(new Array(16).fill(-7));
  });
});

describe("pool2d", () => {
  it("refuses what is no image, and windows that see only padding", () => {
    const device = nullDevice();
    const bad = [
      () => maxPool2d(empty(device, [8, 8, 3]), { kernel: 2 }),
      () => avgPool2d(empty(device, [1, 2, 8, 3]), { kernel: 3 }),
      () => maxPool2d(empty(device, [1, 8, 8, 3]), { kernel: 2, padding: 2 }),
      () => globalAvgPool(empty(device, [1, 8])),
    ];
    expect(device.record("bad", [], () => bad.map(messageOf)).result).toMatchInlineSnapshot(`
      [
        "ShapeError maxPool2d: x expects images, f32 or f16[N,H,W,C], got f32[8,8,3].",
        "ShapeError avgPool2d: the window is 3x3, the image is only 2x8 with its padding. The input is 2x8, kernel 3x3, dilation 1x1. Use a larger input, more padding or a smaller kernel.",
        "ShapeError maxPool2d: padding must be less than the kernel, or windows would see nothing but padding. Padding is 2, 2, 2, 2 (top, bottom, left, right), kernel 2x2.",
        "ShapeError globalAvgPool: x expects images, f32 or f16[N,H,W,C], got f32[1,8].",
      ]
    `);
  });
});
