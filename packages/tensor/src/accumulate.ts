import { flatGrid } from "@roentgen/gpu";
import { accumulate as f32, accumulateHalf as half, accumulatePacked as packed, accumulateScalar } from "@roentgen/kernels";
import { twinFor } from "./storage.ts";
import { emptyLike, type FloatDType, type Tensor } from "./tensor.ts";

/** a + b for two gradients of the same tensor: f32 or f16, equal shapes and dtypes, without leaving a node. */
export function accumulateGradients(a: Tensor, b: Tensor): Tensor {
  const y = emptyLike(a);
  const { kernel, n } = a.size % 4 === 0 ? { kernel: twinFor(a.device, a.dtype as FloatDType, { f32, half, packed }).forward, n: a.size / 4 } : { kernel: accumulateScalar.forward, n: a.size };
  a.device.dispatch(kernel, { a: a.buffer, b: b.buffer, y: y.buffer }, { n }, flatGrid(n, kernel.overrides.WORKGROUP), { flops: a.size });
  return y;
}
