import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { empty } from "../tensor.ts";
import { checkOp } from "../testing/check-op.ts";
import { cases, imageCase } from "./image-to-float.cases.ts";
import { imageToFloat } from "./image-to-float.ts";

const size = fc.integer({ min: 1, max: 9 });
const channel = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0.1, max: 1, noNaN: true }));

checkOp("imageToFloat", cases, {
  arbitrary: fc.tuple(size, size, size, fc.array(channel, { minLength: 1, maxLength: 4 }), fc.nat(1000)).map(([n, h, w, channels, seed]) =>
    imageCase([n, h, w, channels.length], channels.map(([mean]) => mean), channels.map(([, std]) => std), seed)),
});

it("refuses floats and a mean for other channels", () => {
  const device = nullDevice();
  const [mean, std] = [[0.5], [0.5]];
  expect(() => imageToFloat(empty(device, [1, 2, 2, 1]), { mean, std })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: imageToFloat: x must be u8, got f32[1,2,2,1].]`);
  expect(() => imageToFloat(empty(device, [1, 2, 2, 3], { dtype: "u8" }), { mean, std })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: imageToFloat: expected 1 to 4 channels with a mean and a positive std each, got mean [0.5] and std [0.5]. x is u8[1,2,2,3].]`);
});
