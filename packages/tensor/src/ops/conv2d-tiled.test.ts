import { Rng, sizeOf } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidates, type Hardware } from "../choice.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { tolerances } from "../testing/tolerances.ts";
import { tensor } from "../tensor.ts";
import { conv2dCase } from "./conv2d.cases.ts";
import { convolutionTask } from "./conv2d-families.ts";
import { plain } from "./conv2d-plain.ts";
import { cases, moreCases } from "./conv2d-tiled.cases.ts";
import { tiled, tiledBy } from "./conv2d-tiled.ts";
import type { Convolution, Direction } from "./convolution.ts";
import { fits, smallest, tiles } from "./tiling.ts";
import { windowOf } from "./window.ts";

const by = tiledBy(smallest);
const upTo = (max: number) => fc.integer({ min: 1, max });
const pad = fc.nat(2);

const arbitrary = fc
  .record({
    depth: fc.constantFrom(4, 8, 20, 36, 5), filters: fc.constantFrom(4, 12, 36, 7), batch: upTo(2), rows: upTo(7), columns: upTo(7), r: upTo(3), s: upTo(3),
    bias: fc.boolean(), stride: fc.tuple(upTo(3), upTo(3)), dilation: fc.tuple(upTo(2), upTo(2)), padding: fc.record({ top: pad, bottom: pad, left: pad, right: pad }),
  })
  .filter(({ rows, columns, r, s, dilation, padding: p }) => rows + p.top + p.bottom > dilation[0] * (r - 1) && columns + p.left + p.right > dilation[1] * (s - 1))
  .map(({ depth, filters, batch, rows, columns, r, s, bias, ...window }) => conv2dCase({ x: [batch, rows, columns, depth], filter: [filters, r, s], options: window, bias, by }));

checkOp("conv2d, tiled", [...cases, ...moreCases], { arbitrary, runs: 200 });

const shapeOf = (batch: number, size: number, c: number, k: number, kernel: number, stride: number): Convolution =>
  ({ batch, input: [size, size], c, k, groups: 1, window: windowOf("test", [size, size], [kernel, kernel], { stride, padding: kernel >> 1 }) });

withDevice("larger tiles of a convolution", (device) => {
  /** Each size of a thread's tile, each direction; matmul-tiled.test.ts tries all tiles. */
  const tried = [[128, 128, "forward"], [128, 64, "backwardX"], [64, 128, "backwardWeight"], [64, 32, "backwardWeight"]] as const;

  it.each(tried.map(([m, n, direction]) => [m, n, direction, tiles.find((tile) => tile.m === m && tile.n === n) ?? smallest] as const))("agree with the plain kernels: %i x %i %s", async (_, __, direction, tile) => {
    if (!fits(tile, device().limits)) return;
    const shape = direction === "backwardX" ? shapeOf(2, 9, 132, 20, 3, 1) : shapeOf(2, 9, 20, 132, 3, 1);
    const random = (axes: readonly number[], seed: number) => {
      const rng = Rng.for(seed, "tile");
      return tensor(device(), Float32Array.from({ length: sizeOf(axes) }, () => rng.uniform(-1, 1)), axes);
    };
    const { batch, input, c, k, window } = shape;
    const [x, weight, dy] = [random([batch, ...input, c], 1), random([k, ...window.kernel, c], 2), random([batch, ...window.output, k], 3)];
    const [got, wanted] = [tiledBy(tile), plain].map((family) =>
      direction === "forward" ? family.forward(shape, x, weight, null) : direction === "backwardX" ? family.backwardX(shape, dy, weight, null) : family.backwardWeight(shape, x, dy));
    const [a, b] = [(await got?.floats()) ?? new Float32Array(), (await wanted?.floats()) ?? new Float32Array()];
    const scale = b.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(a.length).toBe(b.length);
    expect(b.reduce((worst, v, i) => Math.max(worst, Math.abs(v - (a[i] ?? NaN))), 0) / scale).toBeLessThan(tolerances.elementwise);
    for (const made of [x, weight, dy, got, wanted]) made?.dispose();
  });
});

/** What an H200 says through Vulkan, as far as prediction looks at it. */
const h200 = {
  info: { ...nullDevice().info, vendor: "nvidia", architecture: "hopper", description: "NVIDIA H200", software: false, subgroupSize: 32 },
  limits: { maxComputeWorkgroupStorageSize: 49_152, maxComputeInvocationsPerWorkgroup: 1024, maxComputeWorkgroupSizeX: 1024 } as GPUSupportedLimits,
};

/** The tiled families that can compute a task, and the plain one, best guess first. */
const tiledFirst = (device: Hardware, shape: Convolution, direction: Direction) =>
  candidates({ ...convolutionTask(device, shape, direction), families: [plain, ...tiled] }).map(({ name }) => name);

describe("on an H200, a layer of ResNet-50 at batch 32", () => {
  const guess = (shape: Convolution, limits = h200.limits) => (["forward", "backwardX", "backwardWeight"] as const)
    .map((direction) => tiledFirst({ ...h200, limits }, shape, direction)[0]?.replace("tiled ", ""));

  it.each([
    ["stem", shapeOf(32, 224, 3, 64, 7, 2), ["stem", "64x32x8 of 8x4", "64x128x8 of 8x8"]],
    ["stage 1, 1x1", shapeOf(32, 56, 64, 64, 1, 1), ["128x64x8 of 8x8", "128x64x8 of 8x8", "64x64x16 of 4x4"]],
    ["stage 1, 3x3", shapeOf(32, 56, 64, 64, 3, 1), ["128x64x8 of 8x8", "128x64x8 of 8x8", "64x64x8 of 8x8"]],
    ["stage 2, 3x3 stride 2", shapeOf(32, 56, 128, 128, 3, 2), ["128x64x8 of 8x8", "128x64x8 of 8x8", "128x128x16 of 8x8"]],
    ["stage 3, 3x3", shapeOf(32, 14, 256, 256, 3, 1), ["128x64x8 of 8x8", "128x64x8 of 8x8", "128x128x16 of 8x8"]],
    ["stage 4, 3x3", shapeOf(32, 7, 512, 512, 3, 1), ["128x128x16 of 8x8", "128x128x16 of 8x8", "64x64x8 of 8x8"]],
    ["stage 4, 1x1", shapeOf(32, 7, 512, 2048, 1, 1), ["64x64x8 of 8x8", "128x128x16 of 8x8", "128x128x16 of 8x8"]],
  ] as const)("has the tiles that fit it: %s", (_, shape, want) => {
    expect(guess(shape)).toEqual(want);
  });

  it("makes do with 16 KB and 256 threads", () => {
    expect(guess(shapeOf(32, 7, 512, 512, 3, 1), { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupSizeX: 256 } as GPUSupportedLimits))
      .toEqual(["128x128x16 single of 8x8", "128x128x16 single of 8x8", "64x64x8 of 8x8"]);
  });

  it("is plain in groups", () => {
    expect(guess({ ...shapeOf(32, 14, 64, 64, 3, 1), groups: 2 })).toEqual(["plain", "plain", "plain"]);
  });
});

it("no software driver is given tiles", () => {
  expect(tiledFirst({ ...h200, info: { ...h200.info, software: true } }, shapeOf(4, 16, 64, 64, 3, 1), "forward")).toEqual(["plain"]);
});
