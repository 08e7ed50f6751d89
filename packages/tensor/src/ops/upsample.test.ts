import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { empty } from "../tensor.ts";
import { upsample, type UpsampleOptions, type UpsampleTarget } from "./upsample.ts";
import { cases, upsampleCase } from "./upsample.cases.ts";

const size = (max: number) => fc.integer({ min: 1, max });
const target: fc.Arbitrary<UpsampleTarget> = fc.oneof(
  fc.record({ size: fc.tuple(size(17), size(17)) }),
  fc.record({ scale: fc.tuple(fc.integer({ min: 10, max: 40 }), fc.integer({ min: 10, max: 40 })).map(([h, w]) => [h / 10, w / 10] as const) }),
  fc.record({ scale: size(4) }),
);
const mode: fc.Arbitrary<Pick<UpsampleOptions, "mode" | "alignCorners">> = fc.constantFrom({ mode: "nearest" }, { mode: "bilinear" }, { mode: "bilinear", alignCorners: true });

checkOp("upsample", cases, {
  arbitrary: fc.tuple(fc.tuple(size(2), size(8), size(8), size(8)), target, mode, fc.nat(1000)).map(([shape, where, how, seed]) => upsampleCase(shape, { ...where, ...how }, seed)),
  runs: 300,
});

describe("upsample", () => {
  it("refuses what is no image or no size", () => {
    const device = nullDevice();
    const x = () => empty(device, [1, 4, 4, 3]);
    const bad = [
      () => upsample(empty(device, [4, 4, 3]), { scale: 2 }),
      () => upsample(x(), { scale: 0.2 }),
      () => upsample(x(), { size: [8, 2.5] }),
      () => upsample(x(), { scale: 2, alignCorners: true }),
    ];
    expect(device.record("bad", [], () => bad.map(messageOf)).result).toMatchInlineSnapshot(`
      [
        "ShapeError upsample: x expects images, f32 or f16[N,H,W,C], got f32[4,4,3].",
        "ShapeError upsample: the new height must be a whole number from 1 to 65535, got 0 (scale 0.2). x is f32[1,4,4,3].",
        "ShapeError upsample: the new width must be a whole number from 1 to 65535, got 2.5 (size). x is f32[1,4,4,3].",
        "ShapeError upsample: alignCorners needs mode bilinear; nearest has no corners to align.",
      ]
    `);
  });
});
