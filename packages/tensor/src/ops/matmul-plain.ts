// The plain matrix product: any device, any shape. See shaders/matmul.wgsl.

import { flatGrid } from "@roentgen/gpu";
import { matmul as k, matmulHalf as half, matmulPacked as packed } from "@roentgen/kernels";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { flopsOfProduct, type Product, type ProductFamily } from "./product.ts";
import { sumOfSlices } from "./sum-slices.ts";
import { plainCost } from "./tiling.ts";

export const plain: ProductFamily = {
  name: "plain",
  half: true,
  cost: (device, product) => plainCost(device, flopsOfProduct(product), blocksOf(product).length),

  compute(product, a, b, as) {
    const { batch, m, n, k: depth, transposeA, transposeB, sharedA, sharedB, dtype = "f32" } = product;
    const { rows, columns, slices, length } = blocksOf(product);
    const lanes = columns % 8 === 0 ? 8 : columns % 4 === 0 ? 4 : columns % 2 === 0 ? 2 : 1;
    const teams = slices * batch * (columns / lanes) * Math.ceil((rows * lanes) / k.forward.overrides.WORKGROUP);
    return sumOfSlices(a, slices, as, (partial) => {
      const params = {
        m, n, k: depth, batch, lanes, slices, slice: length,
        a: [sharedA ? 0 : m * depth, ...(transposeA ? [1, m] : [depth, 1])],
        b: [sharedB ? 0 : depth * n, ...(transposeB ? [1, depth] : [n, 1])],
      };
      launch(twinFor(a.device, dtype, { f32: k, half, packed }).forward, { left: a, right: b, partial, params }, flatGrid(teams, 1), { flops: flopsOfProduct(product) });
    });
  },
};

/** Blocks of four by four results down and across, and slices of the sum. */
function blocksOf({ batch, m, n, k: depth }: Product): { rows: number; columns: number; slices: number; length: number } {
  const [rows, columns] = [Math.ceil(m / 4), Math.ceil(n / 4)];
  return { rows, columns, ...depthSlices(batch * rows * columns, depth) };
}

/** Cuts the sum over k where there are too few threads to keep a device busy, into slices of 256 terms or more. */
export function depthSlices(threads: number, depth: number): { slices: number; length: number } {
  const wanted = Math.min(Math.ceil(4096 / threads), Math.floor(depth / 256));
  const length = Math.ceil(depth / Math.max(1, wanted));
  return { slices: Math.ceil(depth / length), length };
}
