// The matrix family of matrix products, one member a tile: f16 operands, subgroups that multiply matrices. See shaders/matmul.matrix.wgsl.

import { maxGroups } from "@roentgen/gpu";
import { launch } from "../op.ts";
import { matrixFits, matrixOverrides, matrixShare, matrixTiles, type MatrixUnit, unitOf } from "./matrix-units.ts";
import { flopsOfProduct, type Product, type ProductFamily } from "./product.ts";
import { sumOfSlices } from "./sum-slices.ts";
import { cutOf, type Tile, type Work } from "./tiling.ts";

const workOf = ({ batch, m, n, k }: Product): Work => ({ m, n, k, layers: batch, bytes: 2 });

/** Rows are read, and results written, in fours. */
const inFours = ({ m, n, k, transposeA, transposeB }: Product): boolean => n % 4 === 0 && (transposeA ? m : k) % 4 === 0 && (!transposeB || k % 4 === 0);

/** The family of one tile, with the device's matrices or those given. */
export const matrixBy = (tile: Tile, given?: MatrixUnit): ProductFamily => ({
  name: tile.name,
  half: true,

  cost(device, product) {
    const unit = given ?? unitOf(device.info);
    if (!unit || product.dtype !== "f16" || !inFours(product) || !matrixFits(tile, unit, device)) return Infinity;
    const { slices, cost } = cutOf(tile, workOf(product), device.info);
    return Math.max(product.batch * slices, Math.ceil(product.m / tile.m), Math.ceil(product.n / tile.n)) > maxGroups ? Infinity : matrixShare * cost;
  },

  compute(product, a, b, as) {
    const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB } = product;
    const { info } = a.device;
    const unit = given ?? unitOf(info);
    if (!unit) throw new Error("internal: a device without subgroup matrices was given a product to compute with them.");
    const slice = Math.ceil(k / cutOf(tile, workOf(product), info).slices / tile.k) * tile.k;
    const slices = Math.ceil(k / slice);
    const overrides = { ...matrixOverrides(tile, unit, info), TRANSPOSE_A: transposeA ? 1 : 0, TRANSPOSE_B: transposeB ? 1 : 0 };
    return sumOfSlices(a, slices, as, (y) => {
      const params = { m, n, k, batch, stride_a: sharedA ? 0 : m * k, stride_b: sharedB ? 0 : k * n, slice };
      launch(unit.product.forward, { a, b, y, params }, [Math.ceil(m / tile.m), Math.ceil(n / tile.n), batch * slices], { overrides, flops: flopsOfProduct(product) });
    });
  },
});

export const matrix: readonly ProductFamily[] = matrixTiles.map((tile) => matrixBy(tile));
