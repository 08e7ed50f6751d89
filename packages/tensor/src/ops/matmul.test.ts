import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { empty } from "../tensor.ts";
import { cases, matmulCase } from "./matmul.cases.ts";
import { depthSlices, plain } from "./matmul-plain.ts";
import { lanesDepthSlices } from "./matmul-lanes.ts";
import { matmul } from "./matmul.ts";

const size = fc.oneof(fc.integer({ min: 1, max: 13 }), fc.constantFrom(4, 8, 12, 20, 36));
const arbitrary = fc
  .record({
    lead: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), m: size, k: size, n: size, shared: fc.boolean(), by: fc.constantFrom(undefined, plain),
    options: fc.record({ transposeA: fc.boolean(), transposeB: fc.boolean() }),
  })
  .map(matmulCase);

checkOp("matmul", cases, { arbitrary, runs: 400 });

describe("matmul refuses", () => {
  const device = nullDevice();
  const tensors = (a: number[], b: number[]) => [empty(device, a), empty(device, b)] as const;

  it("a vector", () => {
    expect(() => matmul(...tensors([8], [8, 4]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: matmul: a expects f32 or f16 with two axes or more, got f32[8].]`);
  });

  it("inner sizes that differ", () => {
    expect(() => matmul(...tensors([5, 8], [4, 8]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: matmul: b expects 4 columns of a, a has 8. a is f32[5,8], b is f32[4,8].]`);
    expect(() => matmul(...tensors([5, 8], [4, 8]), { transposeA: true, transposeB: true })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: matmul: b expects 8 columns of a, a has 5. a is f32[5,8] transposed, b is f32[4,8] transposed.]`);
  });

  it("batches that differ", () => {
    expect(() => matmul(...tensors([2, 5, 8], [3, 8, 4]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: matmul: b expects the leading axes [3], a has [2]; only b may have none. a is f32[2,5,8], b is f32[3,8,4].]`);
    expect(() => matmul(...tensors([5, 8], [3, 8, 4]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: matmul: b expects the leading axes [3], a has []; only b may have none. a is f32[5,8], b is f32[3,8,4].]`);
  });
});

describe("the sum over k", () => {
  const one = { batch: 1, m: 1, n: 8, k: 1, transposeA: true, transposeB: false, sharedA: false, sharedB: false };

  it.each([
    ["is cut where the result is small", depthSlices(4, 2048), { slices: 8, length: 256 }],
    ["is whole where the result is large", depthSlices(65_536, 2048), { slices: 1, length: 2048 }],
    ["is whole where it is short", depthSlices(1, 300), { slices: 1, length: 300 }],
    ["is cut by fours for lanes", lanesDepthSlices({ ...one, k: 1031 }), { slices: 4, slice: 260 }],
    ["is whole for lanes where the result is large", lanesDepthSlices({ ...one, m: 512, n: 512, k: 4096 }), { slices: 1, slice: 4096 }],
  ])("%s", (_, got, want) => {
    expect(got).toEqual(want);
  });
});
