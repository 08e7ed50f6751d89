import type { Shape } from "@roentgen/core";
import { sumSlices as k } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";

/** f32[count, ...shape] -> f32[...shape], the sum over the first axis, added up in order. */
export function sumSlices(slices: Tensor): Tensor {
  const sum = empty(slices.device, slices.shape.slice(1));
  launch(k.forward, { slices, sum, params: { n: sum.size, count: slices.dim(0) } }, groups(k.forward, sum.size), { flops: slices.size });
  return sum;
}

/**
 * A reduction in two stages: what `first` writes slice by slice, added up in order. One slice needs no second stage.
 *
 * @param like   a tensor of the same device
 * @param count  number of slices
 * @param shape  of the sum, f32
 * @param first  launches the first stage, which writes f32[count, ...shape]
 */
export function sumOfSlices(like: Tensor, count: number, shape: Shape, first: (partial: Tensor) => void): Tensor {
  const partial = empty(like.device, count === 1 ? shape : [count, ...shape]);
  first(partial);
  return count === 1 ? partial : sumSlices(partial);
}
