import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { empty } from "../tensor.ts";
import { checkOp } from "../testing/check-op.ts";
import { cases, softmaxCase } from "./softmax.cases.ts";
import { softmax } from "./softmax.ts";

const shape = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 });
const random = shape.chain((s) => fc.tuple(fc.constantFrom("softmax", "logSoftmax" as const), fc.integer({ min: -s.length, max: s.length - 1 })).map(([name, axis]) => softmaxCase(name, s, axis)));

checkOp("softmax", cases, { arbitrary: random });

it("names the axis it refuses", () => {
  expect(() => softmax(empty(nullDevice(), [2, 3]), { axis: 2 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: softmax: axis 2 does not exist, x has 2 axes. x is f32[2,3].]`);
  expect(() => softmax(empty(nullDevice(), []))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: softmax: axis -1 does not exist, x has 0 axes. x is f32[].]`);
});
