import type { Shape } from "@roentgen/core";
import { sumSlices as k } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";

/**
 * The second half of a two-stage reduction: what `first` wrote slice by slice, added up in order. One slice needs no second half.
 *
 * @param count  number of slices
 * @param shape  of the sum, f32
 * @param first  launches the first half, which writes f32[count, ...shape]
 */
export function sumOfSlices(like: Tensor, count: number, shape: Shape, first: (partial: Tensor) => void): Tensor {
  const sum = empty(like.device, shape);
  if (count === 1) {
    first(sum);
    return sum;
  }
  const slices = empty(like.device, [count, ...shape]);
  first(slices);
  launch(k.forward, { slices, sum, params: { n: sum.size, count } }, groups(k.forward, sum.size));
  return sum;
}
