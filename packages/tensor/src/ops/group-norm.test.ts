import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { empty } from "../tensor.ts";
import { groupNorm, instanceNorm, layerNorm } from "./group-norm.ts";
import { cases, groupNormCase, instanceNormCase, layerNormCase } from "./group-norm.cases.ts";

const size = (min: number, max: number) => fc.integer({ min, max });
const random = fc.tuple(size(1, 3), size(2, 6), size(2, 6), size(1, 5), size(1, 3), fc.nat(3), fc.nat(1000)).map(([images, height, width, groups, depth, kind, seed]) => {
  const shape = [images, height, width, groups * depth];
  const options = { eps: 0.01, seed };
  if (kind === 0) return groupNormCase(shape, groups, options);
  if (kind === 1) return layerNormCase(shape, depth, options);
  return instanceNormCase(shape, kind === 2, options);
});

checkOp("groupNorm", cases, { arbitrary: random });

describe("groupNorm", () => {
  it("and its siblings refuse shapes that do not fit", () => {
    const device = nullDevice();
    const f32 = (...shape: number[]) => empty(device, shape);
    const bad = [
      () => groupNorm(f32(2, 4, 4, 6), f32(6), f32(6), { groups: 4 }),
      () => groupNorm(f32(2, 4, 4, 6), f32(3), f32(6), { groups: 2 }),
      () => groupNorm(f32(2, 6), f32(6), f32(6), { groups: 6 }),
      () => layerNorm(f32(2, 4, 6), f32(4), f32(4), { axes: [1] }),
      () => layerNorm(f32(2, 4, 6), f32(4), f32(6)),
      () => instanceNorm(f32(2, 4, 4, 6), null, f32(6)),
      () => instanceNorm(f32(2, 1, 1, 6), null, null),
    ];
    expect(device.record("bad", [], () => bad.map(messageOf)).result).toMatchInlineSnapshot(`
      [
        "ShapeError groupNorm: groups must divide the 6 channels of x, got 4. x is f32[2,4,4,6].",
        "ShapeError groupNorm: weight expects f32[6], got f32[3]. x is f32[2,4,4,6].",
        "ShapeError groupNorm: needs more than one value to normalise over, x is f32[2,6] in 6 groups.",
        "ShapeError layerNorm: axes [1] must be the last ones of x. x is f32[2,4,6].",
        "ShapeError layerNorm: weight expects f32[6], got f32[4]. x is f32[2,4,6].",
        "ShapeError instanceNorm: weight and bias come together or not at all; weight is missing.",
        "ShapeError instanceNorm: needs more than one value to normalise over, x is f32[2,1,1,6] in 6 groups.",
      ]
    `);
  });
});
