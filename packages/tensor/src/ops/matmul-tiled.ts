// The tiled family of matrix products, one member a tile: workgroup memory, for GPUs. See shaders/matmul.tiled.wgsl.

import type { Shape } from "@roentgen/core";
import { barriersAreCostly, flatGrid } from "@roentgen/gpu";
import { matmulTiled, matmulTiledHalf, matmulTiledHalfwide, matmulTiledPacked, matmulTiledPackedwide } from "@roentgen/kernels";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import type { FloatDType, Tensor } from "../tensor.ts";
import { flopsOfProduct, type Product, type ProductFamily } from "./product.ts";
import { inSlices } from "./sum-slices.ts";
import { cutOf, fits, overridesOf, type Tile, tiles, type Work } from "./tiling.ts";

/** By what the kernels write: the dtype of their operands, or f32. */
const same = { f32: matmulTiled, half: matmulTiledHalf, packed: matmulTiledPacked };
const wide = { f32: matmulTiled, half: matmulTiledHalfwide, packed: matmulTiledPackedwide };

/**
 * A product by one tile.
 *
 * @param bias    f32[n], added to every row, or null
 * @param as      axes of the result
 * @param result  its dtype: f32 or that of the operands
 */
export function tiledProduct(tile: Tile, product: Product, a: Tensor, b: Tensor, bias: Tensor | null, as: Shape, result: FloatDType): Tensor {
  const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB, dtype = "f32" } = product;
  const { slices } = cutOf(tile, workOf(product), a.device.info);
  const [x, y] = flatGrid(Math.ceil(m / tile.m) * Math.ceil(n / tile.n), 1);
  const overrides = {
    ...overridesOf(tile, a.device.info), TRANSPOSE_A: transposeA ? 1 : 0, TRANSPOSE_B: transposeB ? 1 : 0, WHOLE: k % tile.k === 0 ? 1 : 0,
  };
  return inSlices(a, slices, as, result, (partial) => {
    const kernel = twinFor(a.device, dtype, partial.dtype === "f32" ? wide : same).forward;
    const params = { m, n, k, batch, stride_a: sharedA ? 0 : m * k, stride_b: sharedB ? 0 : k * n, slices, has_bias: bias ? 1 : 0 };
    launch(kernel, { a, b, bias: bias ?? b, y: partial, params }, [x, y, batch * slices], { overrides, flops: flopsOfProduct(product) });
  });
}

const workOf = ({ batch, m, n, k, dtype = "f32" }: Product): Work => ({ m, n, k, layers: batch, bytes: dtype === "f32" ? 4 : 2 });

/** Rows are read, and results written, in fours. */
const inFours = ({ m, n, k, transposeA, transposeB }: Product): boolean => n % 4 === 0 && (transposeA ? m : k) % 4 === 0 && (!transposeB || k % 4 === 0);

/** The family of one tile. Where barriers are costly nobody shall choose it, though it computes the same. */
export const tiledBy = (tile: Tile): ProductFamily => ({
  name: tile.name,
  half: true,

  cost(device, product) {
    if (barriersAreCostly(device) || !inFours(product) || !fits(tile, device.limits)) return Infinity;
    return cutOf(tile, workOf(product), device.info).cost;
  },

  compute: (product, a, b, as) => tiledProduct(tile, product, a, b, null, as, "f32"),
});

export const tiled: readonly ProductFamily[] = tiles.map(tiledBy);
