import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { concat, pad, permute, reshape, slice } from "./shape.ts";
import { cases, concatCase, padCase, permuteCase, reshapeCase, sliceCase } from "./shape.cases.ts";

const shape = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 });
const perAxis = <T>(axes: readonly number[], each: (n: number) => fc.Arbitrary<T>) => fc.tuple(...axes.map(each));
const box = (n: number) => fc.nat(n - 1).chain((start) => fc.integer({ min: start + 1, max: n }).map((stop) => [start, stop] as const));

const random = shape.chain((s) =>
  fc.oneof(
    fc.shuffledSubarray([...s.keys()], { minLength: s.length }).map((order) => permuteCase(s, order)),
    fc.tuple(fc.nat(s.length - 1), fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 })).map(([axis, sizes]) => concatCase(s, axis, sizes)),
    perAxis(s, box).map((boxes) => sliceCase(s, boxes)),
    fc.tuple(perAxis(s, () => fc.tuple(fc.nat(4), fc.nat(4))), fc.constantFrom(0, 2.5)).map(([widths, value]) => padCase(s, widths, value)),
    fc.constant(reshapeCase(s, [-1, s[0] ?? 1])),
  ),
);

checkOp("shape", cases, { arbitrary: random, runs: 250 });

withDevice("shape ops", (device) => {
  it("move integers as they are", async () => {
    const x = tensor(device(), [1, 2, 0xffffffff, 4, 5, 6], [2, 3], "u32");
    expect([...(await permute(x, [1, 0]).read()).data]).toEqual([1, 4, 2, 5, 0xffffffff, 6]);
    expect([...(await concat([x, slice(x, [{ stop: -1 }, null])], 0).read()).data]).toEqual([1, 2, 0xffffffff, 4, 5, 6, 1, 2, 0xffffffff]);
  });

  it("reshape shares the buffer", () => {
    const x = tensor(device(), [1, 2, 3, 4]);
    expect(reshape(x, [2, 2]).buffer).toBe(x.buffer);
  });
});

it("name the shapes they refuse", () => {
  const device = nullDevice();
  const x = empty(device, [2, 3, 4]);
  expect(() => reshape(x, [5, -1])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: reshape: [5,-1] cannot hold the 24 elements of x. x is f32[2,3,4].]`);
  expect(() => reshape(x, [-1, -1])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: reshape: [-1,-1] cannot hold the 24 elements of x. x is f32[2,3,4].]`);
  expect(() => permute(x, [0, 1, 1])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: permute: order [0,1,1] must name each of the 3 axes of x once. x is f32[2,3,4].]`);
  expect(() => permute(empty(device, [2, 4], { dtype: "u8" }), [1, 0])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: permute: x must have elements of 4 bytes, got u8[2,4]. Convert it with imageToFloat.]`);
  expect(() => concat([x, empty(device, [2, 2, 4])], 2)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: concat: tensors joined along axis 2 must agree in dtype and in every other axis. They are f32[2,3,4], f32[2,2,4].]`);
  expect(() => concat([x], 3)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: concat: axis 3 does not exist, x has 3 axes. x is f32[2,3,4].]`);
  expect(() => slice(x, [null, { start: 2, stop: 5 }])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: slice: range 2 to 5 of axis 1 is empty or leaves the 3 elements of x. x is f32[2,3,4].]`);
  expect(() => slice(x, [null, null, null, null])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: slice: 4 ranges for 3 axes. x is f32[2,3,4].]`);
  expect(() => pad(x, [[1, 1], [0, -1], [0, 0]])).toThrowErrorMatchingInlineSnapshot(`[ShapeError: pad: expected [before, after] for each of the 3 axes of x, at least 0 each, got [[1,1],[0,-1],[0,0]]. x is f32[2,3,4].]`);
});
