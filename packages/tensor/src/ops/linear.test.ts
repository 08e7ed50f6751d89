import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { empty } from "../tensor.ts";
import { cases, linearCase } from "./linear.cases.ts";
import { linear } from "./linear.ts";

const size = fc.oneof(fc.integer({ min: 1, max: 19 }), fc.constantFrom(4, 8, 16, 32));
const lead = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 });

checkOp("linear", cases, { arbitrary: fc.tuple(lead, size, size, fc.boolean()).map(([axes, in_, out, bias]) => linearCase([...axes, in_], out, bias)) });

describe("linear refuses", () => {
  const device = nullDevice();
  const weight = empty(device, [10, 64]);

  it("a weight for another number of features", () => {
    expect(() => linear(empty(device, [4, 32]), weight, null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: linear: weight expects 64 input features, x has 32. x is f32[4,32], weight is f32[10,64].]`);
  });

  it("a weight that is not a matrix, a scalar input and a bias of another length", () => {
    expect(() => linear(empty(device, [4, 64]), empty(device, [10, 8, 8]), null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: linear: weight expects f32[out,in], got f32[10,8,8].]`);
    expect(() => linear(empty(device, []), weight, null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: linear: x expects f32[...,in], got f32[].]`);
    expect(() => linear(empty(device, [4, 64]), weight, empty(device, [64]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: linear: bias expects f32[10], one for each output channel, got f32[64]. weight is f32[10,64].]`);
  });
});
