import { flatGrid } from "@roentgen/gpu";
import { accumulate, accumulateScalar } from "@roentgen/kernels";
import { emptyLike, type Tensor } from "./tensor.ts";

/** a + b for two gradients of the same tensor: f32, equal shapes, without leaving a node. */
export function accumulateGradients(a: Tensor, b: Tensor): Tensor {
  const y = emptyLike(a);
  const { kernel, n } = a.size % 4 === 0 ? { kernel: accumulate.forward, n: a.size / 4 } : { kernel: accumulateScalar.forward, n: a.size };
  a.device.dispatch(kernel, { a: a.buffer, b: b.buffer, y: y.buffer }, { n }, flatGrid(n, kernel.overrides.WORKGROUP), { flops: a.size });
  return y;
}
