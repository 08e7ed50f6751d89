import { ShapeError } from "@roentgen/core";
import { op } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { bestKernels as kernels } from "./conv2d-families.ts";
import { backwardBias } from "./conv2d-plain.ts";
import { type Convolution, requireBias } from "./convolution.ts";
import { windowOf } from "./window.ts";

/**
 * A linear layer, y = x · weightᵀ + bias: a convolution of single pixels, and computed as one.
 *
 * @param x       f32[...,in]
 * @param weight  f32[out,in]
 * @param bias    f32[out] or null
 * @returns       f32[...,out]
 * @throws ShapeError if shapes do not fit together
 */
export const linear = op("linear", (x: Tensor, weight: Tensor, bias: Tensor | null) => {
  const [k = 0, c = 0] = weight.shape;
  if (weight.dtype !== "f32" || weight.shape.length !== 2) throw new ShapeError(`linear: weight expects f32[out,in], got ${weight}.`);
  if (x.dtype !== "f32" || x.shape.length < 1) throw new ShapeError(`linear: x expects f32[...,in], got ${x}.`);
  if (x.dim(-1) !== c) throw new ShapeError(`linear: weight expects ${c} input features, x has ${x.dim(-1)}. x is ${x}, weight is ${weight}.`);
  requireBias("linear", bias, k, weight);
  const shape: Convolution = { batch: x.size / c, input: [1, 1], c, k, groups: 1, window: windowOf("linear", [1, 1], [1, 1]) };
  const seen = (as: readonly number[], y: Tensor) => new Tensor(y.device, y.buffer, as);
  return [
    seen([...x.shape.slice(0, -1), k], kernels.forward(shape, x, weight, bias)),
    [
      (dy: Tensor) => seen(x.shape, kernels.backwardX(shape, dy, weight, null)),
      (dy: Tensor) => seen(weight.shape, kernels.backwardWeight(shape, x, dy)),
      ...(bias ? [backwardBias] : []),
    ],
  ];
});
