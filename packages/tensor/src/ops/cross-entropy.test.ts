import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, crossEntropyCase } from "./cross-entropy.cases.ts";
import { crossEntropy } from "./cross-entropy.ts";

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 });
const options = fc.record({ soft: fc.boolean(), labelSmoothing: fc.constantFrom(0, 0.1, 1) });

checkOp("crossEntropy", cases, { arbitrary: fc.tuple(shape, options, fc.nat(1000)).map((args) => crossEntropyCase(...args)) });

withDevice("crossEntropy at the edges", (device) => {
  it("is NaN for a class that does not exist", async () => {
    expect(await crossEntropy(tensor(device(), [1, 2, 3, 4], [2, 2]), tensor(device(), [1, 2], [2], "u32")).item()).toBeNaN();
  });

  it("is the logarithm of the number of classes where all are alike", async () => {
    expect(await crossEntropy(tensor(device(), [7, 7, 7], [1, 3]), tensor(device(), [2], [1], "u32")).item()).toBeCloseTo(Math.log(3), 6);
  });
});

it("names the targets it refuses", () => {
  const device = nullDevice();
  const x = empty(device, [4, 3]);
  expect(() => crossEntropy(x, empty(device, [4]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: crossEntropy: target must be u32[4] class numbers or f32[4,3] class weights, got f32[4]. x is f32[4,3].]`);
  expect(() => crossEntropy(x, empty(device, [3], { dtype: "u32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: crossEntropy: target must be u32[4] class numbers or f32[4,3] class weights, got u32[3]. x is f32[4,3].]`);
  expect(() => crossEntropy(x, x, { labelSmoothing: 2 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: crossEntropy: labelSmoothing must lie in [0, 1], got 2.]`);
});
