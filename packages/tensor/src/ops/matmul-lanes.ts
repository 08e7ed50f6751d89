// The lanes family of matrix products: subgroups of exactly eight lanes. See shaders/matmul.lanes.wgsl.

import { maxGroups } from "@roentgen/gpu";
import { matmulLanes as f32, matmulLanesHalf as half, matmulLanesPacked as packed } from "@roentgen/kernels";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { flopsOfProduct, type Product, type ProductFamily } from "./product.ts";
import { sumOfSlices } from "./sum-slices.ts";

export const lanes: ProductFamily = {
  name: "lanes",
  half: true,

  // It reads rows in fours, cuts k into at most 64 slices, and wants matrices that begin at a multiple of four floats.
  cost({ info }, product) {
    const { batch, m, n, k, transposeA, transposeB } = product;
    if (info.subgroupSize !== 8 || !info.features.includes("subgroups")) return Infinity;
    const inFours = n % 4 === 0 && (!transposeA || m % 4 === 0) && ((transposeA && !transposeB) || k % 4 === 0);
    const fits = Math.max(m / 16, n / 32, batch * 64) <= maxGroups && (batch === 1 || ((m * k) % 4 === 0 && (k * n) % 4 === 0));
    return inFours && fits && n >= 8 ? 4 * flopsOfProduct(product) : Infinity;
  },

  compute(product, a, b, as) {
    const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB, dtype = "f32" } = product;
    const kernel = twinFor(a.device, dtype, { f32, half, packed })[transposeA ? (transposeB ? "tt" : "tn") : transposeB ? "nt" : "nn"];
    const { slice, slices } = lanesDepthSlices(product);
    return sumOfSlices(a, slices, as, (y) => {
      const params = { m, n, k, batch, stride_a: sharedA ? 0 : m * k, stride_b: sharedB ? 0 : k * n, slice };
      launch(kernel, { a, b, y, params }, [Math.ceil(m / 16), Math.ceil(n / 32), batch * slices], { flops: flopsOfProduct(product) });
    });
  },
};

/** Cuts the sum over k where there are few workgroups, into slices of a multiple of 4 terms and of 256 at least. */
export function lanesDepthSlices({ batch, m, n, k }: Product): { slice: number; slices: number } {
  const tiles = Math.ceil(m / 16) * Math.ceil(n / 32) * batch;
  const wanted = tiles < 64 ? Math.max(1, Math.min(Math.ceil(64 / tiles), Math.floor(k / 256))) : 1;
  const slice = Math.ceil(k / wanted / 4) * 4;
  return { slice, slices: Math.ceil(k / slice) };
}
