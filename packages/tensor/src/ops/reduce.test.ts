import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { backward } from "../tape.ts";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, reduceCase } from "./reduce.cases.ts";
import { max, mean, sum } from "./reduce.ts";

const name = fc.constantFrom("sum", "mean", "max" as const);
const shape = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 5 });
const random = shape.chain((s) =>
  fc.tuple(name, fc.option(fc.subarray([...s.keys()]), { nil: undefined }), fc.boolean(), fc.integer({ min: 1, max: 99 })).map(([f, axes, keepDims, seed]) => reduceCase(f, s, { ...(axes && { axes }), keepDims }, seed)),
);

checkOp("reduce", cases, { arbitrary: random });

withDevice("reduce at the edges", (device) => {
  it("equal maxima share the gradient evenly", async () => {
    const x = tensor(device(), [1, 3, 3, 2, 2, 2], [2, 3]);
    x.trainable = true;
    const dx = backward(max(x, { axes: [1] }), tensor(device(), [1, 1])).get(x);
    expect([...((await dx?.floats()) ?? [])]).toEqual([0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3].map(Math.fround));
  });

  it("max of values below zero is not zero", async () => {
    expect(await max(tensor(device(), Array.from({ length: 1000 }, (_, i) => -i - 5))).item()).toBe(-5);
  });

  it("a sum of a million terms keeps five digits", async () => {
    const n = 1 << 20;
    const x = tensor(device(), Float32Array.from({ length: n }, (_, i) => (i % 2 ? 0.1 : 0.3)));
    expect((await sum(x).item()) / (n * 0.2)).toBeCloseTo(1, 5);
  });
});

it("name the axis they refuse", () => {
  const x = empty(nullDevice(), [2, 3]);
  expect(() => sum(x, { axes: [2] })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: sum: axis 2 does not exist, x has 2 axes. x is f32[2,3].]`);
  expect(() => mean(x, { axes: [1, -1] })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: mean: axes [1,-1] name one axis twice. x is f32[2,3].]`);
  expect(() => max(empty(nullDevice(), [4], { dtype: "i32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: max: x must be f32, got i32[4].]`);
});
