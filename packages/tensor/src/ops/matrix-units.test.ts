import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { candidates, type Hardware } from "../choice.ts";
import { convolutionTask } from "./conv2d-families.ts";
import { productTask } from "./matmul-families.ts";
import { matrixBytesOf, matrixTiles, subgroupsOf } from "./matrix-units.ts";
import type { Product } from "./product.ts";
import { threadsOf } from "./tiling.ts";
import { windowOf } from "./window.ts";

const features = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];
const gpu = (matrixSizes: readonly (readonly [number, number, number])[], has = features): Hardware =>
  ({ info: { ...nullDevice().info, software: false, vendor: "nvidia", subgroupSize: 32, subgroupMaxSize: 32, features: has, matrixSizes }, limits: null });

const product: Product = { batch: 1, m: 1024, n: 1024, k: 1024, transposeA: false, transposeB: false, sharedA: false, sharedB: false, dtype: "f16" };
const convolution = { batch: 32, input: [28, 28] as const, c: 128, k: 128, groups: 1, window: windowOf("test", [28, 28], [3, 3], { padding: 1 }), dtype: "f16" as const };

describe("matrices of subgroups", () => {
  const best = (device: Hardware, of: Product) => candidates(productTask(device, of))[0]?.name ?? "";

  it.each([
    ["of f16 where a GPU has such matrices", gpu([[16, 16, 16]]), product, true],
    ["of f16 where it has others as well", gpu([[16, 8, 16], [8, 8, 8]]), product, true],
    ["of f16 where no kernel has its sizes", gpu([[16, 8, 16]]), product, false],
    ["of f16 without shader-f16", gpu([[16, 16, 16]], features.slice(1)), product, false],
    ["of f16 without the feature", gpu([[16, 16, 16]], features.slice(0, 2)), product, false],
    ["of f32", gpu([[16, 16, 16]]), { ...product, dtype: "f32" as const }, false],
    ["of f16 with rows not in fours", gpu([[16, 16, 16]]), { ...product, n: 1022 }, false],
  ])("multiply %s: %#", (_, device, of, chosen) => {
    expect(best(device, of).startsWith("matrix")).toBe(chosen);
  });

  it.each(["forward", "backwardX", "backwardWeight"] as const)("convolve in f16, never in f32 or in groups: %s", (direction) => {
    const names = (shape: typeof convolution) => candidates(convolutionTask(gpu([[8, 8, 8]]), shape, direction)).map(({ name }) => name.split(" ")[0]);
    expect(names(convolution)[0]).toBe("matrix");
    expect(names({ ...convolution, groups: 2 })).not.toContain("matrix");
    expect(names({ ...convolution, dtype: "f32" as "f16" })).not.toContain("matrix");
  });

  it("are judged as tiles with as many threads as their subgroups have lanes", () => {
    expect(matrixTiles.map(threadsOf)).toEqual(matrixTiles.map((tile) => 32 * subgroupsOf(tile)));
  });

  it("need at most 32 KB of workgroup memory, and a smaller tile less than 16", () => {
    expect(matrixTiles.map((tile) => matrixBytesOf(tile, { m: 16, n: 16 }))).toEqual([30_720, 13_312]);
  });
});
