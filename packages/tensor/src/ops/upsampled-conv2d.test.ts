import { Rng, sizeOf } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { tolerances } from "../testing/tolerances.ts";
import { record, spec } from "../record.ts";
import { empty, type Tensor, tensor } from "../tensor.ts";
import { conv2d } from "./conv2d.ts";
import { concat } from "./shape.ts";
import { upsample } from "./upsample.ts";
import { cases, upsampledConv2dCase } from "./upsampled-conv2d.cases.ts";
import { upsampledConv2d } from "./upsampled-conv2d.ts";

const small = (max: number) => fc.integer({ min: 1, max });
const channels = fc.oneof(small(5), fc.constantFrom(4, 8, 12));

const arbitrary = fc
  .record({ batch: small(2), rows: small(3), columns: small(3), c: channels, skip: fc.oneof(fc.constant(0), channels), filters: channels })
  .map(({ batch, rows, columns, c, skip, filters }) => upsampledConv2dCase({ coarse: [batch, rows, columns, c], skip, filters }));

checkOp("upsampledConv2d", cases, { arbitrary });

const asThree = (coarse: Tensor, skip: Tensor | null, weight: Tensor): Tensor => {
  const up = upsample(coarse, { scale: 2, mode: "nearest" });
  return conv2d(skip ? concat([up, skip], 3) : up, weight, null, { padding: 1 });
};

withDevice("upsampledConv2d", (device) => {
  it.each([
    [{ batch: 2, size: 4, c: 128, skip: 64, filters: 64 }],
    [{ batch: 1, size: 16, c: 32, skip: 0, filters: 16 }],
  ])("makes what upsample, concat and conv2d make, of %j", async ({ batch, size, c, skip, filters }) => {
    const random = (shape: readonly number[], seed: number) => {
      const rng = Rng.for(seed, "block");
      return tensor(device(), Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform(-1, 1)), shape);
    };
    const inputs = [random([batch, size, size, c], 1), skip ? random([batch, 2 * size, 2 * size, skip], 2) : null, random([filters, 3, 3, c + skip], 3)] as const;
    const [got, want] = [await upsampledConv2d(...inputs).floats(), await asThree(...inputs).floats()];
    const scale = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(got.length).toBe(want.length);
    expect(want.reduce((most, v, i) => Math.max(most, Math.abs(v - (got[i] ?? NaN))), 0) / scale).toBeLessThan(tolerances.elementwise);
  });
});

describe("upsampledConv2d", () => {
  it("holds neither the doubled image nor the joined one", () => {
    const planned = (fn: typeof asThree) => record(nullDevice(), "block", (a, b, w) => fn(a as Tensor, b as Tensor, w as Tensor), [spec("f32", [2, 32, 32, 64]), spec("f32", [2, 64, 64, 64]), spec("f32", [32, 3, 3, 128])]).plan;
    const [together, apart] = [planned(upsampledConv2d), planned(asThree)];
    const joined = 4 * 2 * 64 * 64 * 128;
    expect(apart.bytes - together.bytes).toBeGreaterThan(0.6 * joined);
  });

  it.each([
    ["straight where there are pixels enough", 4, false],
    ["after upsampling where there are few", 3, true],
  ])("reads %s", (_, batch, doubled) => {
    const { plan } = record(nullDevice(), "block", (x, w) => upsampledConv2d(x as Tensor, null, w as Tensor), [spec("f32", [batch, 2, 2, 4]), spec("f32", [8, 3, 3, 4])]);
    expect(plan.dispatches.some(({ kernel }) => kernel.name.startsWith("upsample."))).toBe(doubled);
  });

  const device = nullDevice();
  const [coarse, skip] = [empty(device, [2, 4, 5, 6]), empty(device, [2, 8, 10, 3])];

  it.each([
    ["filters of another size", () => upsampledConv2d(coarse, skip, empty(device, [8, 5, 5, 9])),
      "ShapeError upsampledConv2d: weight expects filters of 3x3, got 5x5. coarse is f32[2,4,5,6], skip is f32[2,8,10,3], weight is f32[8,5,5,9]."],
    ["filters for another number of channels", () => upsampledConv2d(coarse, skip, empty(device, [8, 3, 3, 6])),
      "ShapeError upsampledConv2d: weight expects 6 input channels, coarse and skip have 6 + 3. coarse is f32[2,4,5,6], skip is f32[2,8,10,3], weight is f32[8,3,3,6]."],
    ["a skip that is not twice as large", () => upsampledConv2d(coarse, empty(device, [2, 8, 9, 3]), empty(device, [8, 3, 3, 9])),
      "ShapeError upsampledConv2d: skip expects 2 images of 8x10, twice the size of coarse. coarse is f32[2,4,5,6], skip is f32[2,8,9,3], weight is f32[8,3,3,9]."],
    ["images that are not four-dimensional", () => upsampledConv2d(empty(device, [4, 5, 6]), null, empty(device, [8, 3, 3, 6])),
      "ShapeError upsampledConv2d: coarse expects f32 or f16[N,H,W,C], got f32[4,5,6]."],
  ])("refuses %s", (_, call, message) => {
    expect(messageOf(call)).toBe(message);
  });
});
