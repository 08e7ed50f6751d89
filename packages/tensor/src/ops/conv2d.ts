import { ShapeError } from "@roentgen/core";
import { op } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { bestKernels } from "./conv2d-families.ts";
import { backwardBias } from "./conv2d-plain.ts";
import { type Convolution, type ConvolutionKernels, requireBias, requireImage, sharedDType } from "./convolution.ts";
import { windowOf, type WindowOptions } from "./window.ts";

export interface Conv2dOptions extends WindowOptions {
  /** Channels are cut into this many groups, each convolved by itself; default 1. */
  readonly groups?: number;
}

/** conv2d with given kernels. */
export const conv2dBy = (kernels: ConvolutionKernels) => op("conv2d", (x: Tensor, weight: Tensor, bias: Tensor | null, { groups = 1, ...window }: Conv2dOptions = {}) => {
  const shape = convolutionOf(x, weight, groups, window);
  requireBias("conv2d", bias, shape.k, weight);
  return [
    kernels.forward(shape, x, weight, bias),
    [
      (dy: Tensor) => kernels.backwardX(shape, dy, weight, null),
      (dy: Tensor) => kernels.backwardWeight(shape, x, dy),
      ...(bias ? [backwardBias] : []),
    ],
  ];
});

/**
 * Two-dimensional convolution (cross-correlation, as in PyTorch's conv2d) over NHWC images.
 *
 * @param x        f32[N,H,W,C]; or f16, with the channels of a group in fours
 * @param weight   [K,R,S,C/groups] of the dtype of x; its gradient is f32
 * @param bias     f32[K] or null
 * @param options  stride, dilation: a number or [height, width], default 1; padding: zeros around the image, a number,
 *                 [height, width] or each side by itself, default 0; groups: default 1
 * @returns        [N,P,Q,K] of the dtype of x, P = floor((H + top + bottom - dilation * (R - 1) - 1) / stride) + 1, Q likewise
 * @throws ShapeError if shapes, groups or the window do not fit together
 */
export const conv2d = conv2dBy(bestKernels);

function convolutionOf(x: Tensor, weight: Tensor, groups: number, window: WindowOptions): Convolution {
  requireImage("conv2d", "x", x, "N,H,W,C", ["f32", "f16"]);
  requireImage("conv2d", "weight", weight, "K,R,S,C/groups", ["f32", "f16"]);
  const [batch = 0, h = 0, w = 0, c = 0] = x.shape;
  const [k = 0, r = 0, s = 0, depth = 0] = weight.shape;
  const are = `x is ${x}, weight is ${weight}`;
  if (!Number.isInteger(groups) || groups < 1 || c % groups !== 0 || k % groups !== 0) {
    throw new ShapeError(`conv2d: groups expects a divisor of the ${c} input and ${k} output channels, got ${groups}. ${are}.`);
  }
  if (depth * groups !== c) {
    throw new ShapeError(`conv2d: weight expects ${depth * groups} input channels, x has ${c}. ${are}${groups > 1 ? `, groups ${groups}` : ""}.`);
  }
  const dtype = sharedDType("conv2d", x, weight, { c, k, groups });
  return { batch, input: [h, w], c, k, groups, window: windowOf("conv2d", [h, w], [r, s], window), dtype };
}
