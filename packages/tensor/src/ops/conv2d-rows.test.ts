import { nullDevice } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { conv2dCase, type Conv2dShape } from "./conv2d.cases.ts";
import { rows } from "./conv2d-rows.ts";
import type { Convolution } from "./convolution.ts";
import { windowOf } from "./window.ts";

/** Of one to three channels, filters of odd and even width, uneven padding; all operands have rows of a length that images can have. */
const shapes: readonly Conv2dShape[] = [
  { x: [2, 16, 16, 3], filter: [32, 7, 7], options: { padding: 3, stride: 2 } },
  { x: [1, 16, 32, 3], filter: [64, 3, 3], options: { padding: 1 }, bias: true },
  { x: [4, 9, 16, 1], filter: [32, 5, 4], options: { padding: { top: 0, bottom: 2, left: 2, right: 1 }, stride: [1, 2] } },
  { x: [2, 8, 16, 2], filter: [64, 2, 2], options: { stride: 2 }, bias: true },
  { x: [2, 8, 32, 3], filter: [16, 1, 4], options: { padding: [0, 2], stride: [1, 1] } },
];

checkOp("conv2d by lanes that read rows", shapes.map((shape) => conv2dCase({ ...shape, by: rows })));

it("is for the filter's gradient, of few channels", () => {
  const lavapipe = { info: { ...nullDevice().info, software: true, subgroupSize: 8, features: ["subgroups"] }, limits: null };
  const stem = (c: number, more: Partial<Convolution> = {}): Convolution => ({ batch: 8, input: [64, 64], c, k: 64, groups: 1, window: windowOf("test", [64, 64], [7, 7], { padding: 3, stride: 2 }), ...more });
  const isAble = (shape: Convolution, direction: "forward" | "backwardX" | "backwardWeight" = "backwardWeight") => rows.cost(lavapipe, shape, direction) < Infinity;
  expect([isAble(stem(3)), isAble(stem(1))]).toEqual([true, true]);
  expect([isAble(stem(4)), isAble(stem(3, { k: 63 })), isAble(stem(3), "forward"), isAble(stem(3), "backwardX")]).toEqual([false, false, false, false]);
});
