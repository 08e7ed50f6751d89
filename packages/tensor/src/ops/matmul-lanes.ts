// The lanes family of matrix products: subgroups of exactly eight lanes. See shaders/matmul.lanes.wgsl.

import { matmulLanes } from "@roentgen/kernels";
import { launch } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import type { MatmulShape } from "./matmul-family.ts";
import { sumOfSlices } from "./sum-slices.ts";

/** a [batch, m, k] or as it lies transposed, b likewise, shared ones without batch -> [batch, m, n], with the axes `as`. */
export function lanesMatmul(shape: MatmulShape, a: Tensor, b: Tensor, as: readonly number[]): Tensor {
  const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB } = shape;
  const kernel = matmulLanes[transposeA ? (transposeB ? "tt" : "tn") : transposeB ? "nt" : "nn"];
  const { slice, slices } = lanesDepthSlices(shape);
  return sumOfSlices(a, slices, as, (y) => {
    const params = { m, n, k, batch, stride_a: sharedA ? 0 : m * k, stride_b: sharedB ? 0 : k * n, slice };
    launch(kernel, { a, b, y, params }, [Math.ceil(m / 16), Math.ceil(n / 32), batch * slices], { flops: 2 * batch * m * n * k });
  });
}

/** Cuts the sum over k where there are few workgroups, into slices of a multiple of 4 terms and of 256 at least. */
export function lanesDepthSlices({ batch, m, n, k }: MatmulShape): { slice: number; slices: number } {
  const tiles = Math.ceil(m / 16) * Math.ceil(n / 32) * batch;
  const wanted = tiles < 64 ? Math.max(1, Math.min(Math.ceil(64 / tiles), Math.floor(k / 256))) : 1;
  const slice = Math.ceil(k / wanted / 4) * 4;
  return { slice, slices: Math.ceil(k / slice) };
}
