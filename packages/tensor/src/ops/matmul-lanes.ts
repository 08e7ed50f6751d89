// The lanes families of matrix products: subgroups of exactly eight lanes. `lanes` reads buffers, `lanes-images` images, which are copied
// first. See shaders/matmul.lanes.wgsl.

import { type Device, imageRow, imageSize, maxGroups } from "@roentgen/gpu";
import { matmulLanes, matmulLanesHalf, matmulLanesImages, matmulLanesPacked } from "@roentgen/kernels";
import type { Hardware } from "../choice.ts";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import type { FloatDType } from "../tensor.ts";
import { flopsOfProduct, type Product, type ProductFamily } from "./product.ts";
import { sumOfSlices } from "./sum-slices.ts";

type Kernels = typeof matmulLanes;

const family = (name: string, half: boolean, cost: ProductFamily["cost"], kernelsOf: (device: Device, dtype: FloatDType) => Kernels): ProductFamily => ({
  name,
  half,
  cost,

  compute(product, a, b, as) {
    const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB, dtype = "f32" } = product;
    const kernel = kernelsOf(a.device, dtype)[transposeA ? (transposeB ? "tt" : "tn") : transposeB ? "nt" : "nn"];
    const { slice, slices } = lanesDepthSlices(product);
    const [a_row, b_row] = [imageRow(a.buffer.bytes), imageRow(b.buffer.bytes)];
    return sumOfSlices(a, slices, as, (y) => {
      const params = { m, n, k, batch, stride_a: sharedA ? 0 : m * k, stride_b: sharedB ? 0 : k * n, slice, a_row, b_row };
      launch(kernel, { a, b, y, params }, [Math.ceil(m / 16), Math.ceil(n / 32), batch * slices], { flops: flopsOfProduct(product) });
    });
  },
});

// They read rows in fours, cut k into at most 64 slices, and want matrices that begin at a multiple of four floats.
function isAble({ info }: Hardware, { batch, m, n, k, transposeA, transposeB }: Product): boolean {
  if (info.subgroupSize !== 8 || !info.features.includes("subgroups")) return false;
  const inFours = n % 4 === 0 && (!transposeA || m % 4 === 0) && ((transposeA && !transposeB) || k % 4 === 0);
  const fits = Math.max(m / 16, n / 32, batch * 64) <= maxGroups && (batch === 1 || ((m * k) % 4 === 0 && (k * n) % 4 === 0));
  return inFours && fits && n >= 8;
}

export const lanes = family("lanes", true, (device, product) => (isAble(device, product) ? 4 * flopsOfProduct(product) : Infinity), (device, dtype) =>
  twinFor(device, dtype, { f32: matmulLanes, half: matmulLanesHalf, packed: matmulLanesPacked }));

/** In f32 alone: f16 halves the loads, and images then save little. */
export const lanesImages = family("lanes-images", false, (device, product) => {
  const { batch, m, n, k, sharedA, sharedB } = product;
  const bytes = [4 * (sharedA ? 1 : batch) * m * k, 4 * (sharedB ? 1 : batch) * k * n] as const;
  if (!device.info.software || !isAble(device, product) || bytes.some((each) => !imageSize(each))) return Infinity;
  return 3 * flopsOfProduct(product) + 8 * (bytes[0] + bytes[1]);
}, () => matmulLanesImages);

/** Cuts the sum over k where there are few workgroups, into slices of a multiple of 4 terms and of 256 at least. */
export function lanesDepthSlices({ batch, m, n, k }: Product): { slice: number; slices: number } {
  const tiles = Math.ceil(m / 16) * Math.ceil(n / 32) * batch;
  const wanted = tiles < 64 ? Math.max(1, Math.min(Math.ceil(64 / tiles), Math.floor(k / 256))) : 1;
  const slice = Math.ceil(k / wanted / 4) * 4;
  return { slice, slices: Math.ceil(k / slice) };
}
