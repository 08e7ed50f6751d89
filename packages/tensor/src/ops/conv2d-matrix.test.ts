import { expect, it } from "vitest";
import { record, spec } from "../record.ts";
import { nativeAdapter, withDevice } from "../testing/check-op.ts";
import { halved, runCase } from "../testing/op-case.ts";
import type { Tensor } from "../tensor.ts";
import { conv2dCase, type Conv2dShape } from "./conv2d.cases.ts";
import { matrixConvolutionsBy } from "./conv2d-matrix.ts";
import { emulated, matrixTiles, unitOf } from "./matrix-units.ts";
import { windowOf } from "./window.ts";

const [large, small] = matrixTiles.map((tile) => (m: number, n: number, k: number) => matrixConvolutionsBy(tile, emulated(m, n, k)));
const by = small?.(16, 16, 16);

/** By emulated matrices: what is checked is the order of work around them. */
const shapes: readonly Conv2dShape[] = [
  { x: [1, 1, 1, 4], filter: [4, 1, 1], by },
  { x: [2, 6, 5, 8], filter: [36, 3, 3], options: { stride: 2, padding: 1 }, bias: true, by },
  { x: [1, 3, 3, 68], filter: [12, 3, 3], options: { padding: 1 }, bias: true, by: small?.(8, 16, 16) },
  { x: [2, 6, 5, 8], filter: [72, 1, 1], bias: true, by: small?.(8, 8, 8) },
  { x: [1, 9, 8, 4], filter: [8, 3, 2], options: { dilation: [2, 3], padding: [3, 1], stride: [1, 2] }, by },
  { x: [1, 7, 7, 4], filter: [4, 2, 2], options: { stride: 3 }, by },
  { x: [1, 8, 8, 4], filter: [8, 3, 3], options: { stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } }, by },
  { x: [3, 31, 29, 4], filter: [4, 1, 1], by },
  { x: [1, 2, 2, 132], filter: [132, 3, 3], options: { padding: 1 }, bias: true, by },
  { x: [1, 4, 4, 4], filter: [260, 4, 4], options: { stride: 2, padding: 1 }, by },
  { x: [1, 11, 12, 12], filter: [132, 1, 2], bias: true, by: large?.(16, 16, 16) },
];

withDevice("conv2d by matrices of subgroups", (device) => {
  it.each(shapes.map((shape) => halved(conv2dCase(shape), (i) => i < 2)).map((test) => [test.name, test] as const))("agrees with the float64 reference: %s", async (_, test) => {
    if (device().info.features.includes("shader-f16")) expect(await runCase(device(), test)).toEqual([]);
  });

  it.each([
    ["a filter's gradient over many pixels", "backwardWeight", { input: [31, 29], c: 4, k: 4, kernel: 1 }],
    ["few pixels over many channels, forwards", "forward", { input: [2, 2], c: 132, k: 132, kernel: 3 }],
    ["few pixels over many channels, backwards", "backwardX", { input: [2, 2], c: 132, k: 132, kernel: 3 }],
  ] as const)("sums in slices: %s", (_, direction, { input, c, k, kernel }) => {
    const shape = { batch: 3, input, c, k, groups: 1, window: windowOf("test", input, [kernel, kernel], { padding: kernel >> 1 }), dtype: "f16" as const };
    const [images, filter, dy] = [spec("f16", [3, ...input, c]), spec("f16", [k, kernel, kernel, c]), spec("f16", [3, ...shape.window.output, k])];
    const { plan } = record(device(), "sliced", (x, w, d) => {
      const [image, weight, gradient] = [x, w, d] as [Tensor, Tensor, Tensor];
      return direction === "backwardWeight" ? by?.backwardWeight(shape, image, gradient) : by?.[direction](shape, direction === "forward" ? image : gradient, weight, null);
    }, [images, filter, dy]);
    expect(plan.dispatches[0]?.grid[2]).toBeGreaterThan(1);
    expect(plan.dispatches.slice(1).map(({ kernel: { name } }) => name)).toEqual([direction === "backwardWeight" ? "sum-slices.forward" : "sum-slices.half.forward"]);
  });
});

// Mesa's lavapipe has them from version 26 on, GPUs have had them for longer.
const unit = nativeAdapter && unitOf(nativeAdapter);

withDevice("conv2d by the driver's own matrices", (device) => {
  const cases = unit ? matrixTiles.flatMap((tile) => shapes.map((shape) => halved(conv2dCase({ ...shape, by: matrixConvolutionsBy(tile, unit) }), (i) => i < 2))) : [];
  it.each(cases.map((test) => [test.name, test] as const))("agrees with the float64 reference: %s", { timeout: 120_000 }, async (_, test) => {
    expect(await runCase(device(), test)).toEqual([]);
  });
}, { native: true, offered: unit !== null });
