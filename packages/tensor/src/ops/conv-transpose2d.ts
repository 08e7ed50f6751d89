import { ShapeError } from "@roentgen/core";
import { op } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { bestKernels as kernels } from "./conv2d-families.ts";
import { backwardBias } from "./conv2d-plain.ts";
import { type Convolution, requireBias, requireImage, sharedDType } from "./convolution.ts";
import { windowOf, type WindowOptions } from "./window.ts";

export interface ConvTranspose2dOptions extends WindowOptions {
  /** Rows and columns added at the bottom and right of the result, fewer than the stride or the dilation; default 0. */
  readonly outputPadding?: number | readonly [number, number];
  /** Channels are cut into this many groups, each convolved by itself; default 1. */
  readonly groups?: number;
}

/**
 * Transposed two-dimensional convolution, as PyTorch's conv_transpose2d: the gradient, with respect to its input, of the
 * convolution that has this filter and these options. So its forward pass is that gradient's kernel, and the other way round.
 *
 * @param x        f32[N,H,W,C_in]; or f16, with the channels of a group in fours
 * @param weight   [C_in,R,S,C_out/groups] of the dtype of x: KRSC of that convolution; its gradient is f32
 * @param bias     f32[C_out] or null
 * @param options  stride, padding, dilation, groups of that convolution; outputPadding
 * @returns        [N,P,Q,C_out] of the dtype of x, P = (H - 1) * stride - top - bottom + dilation * (R - 1) + outputPadding + 1, Q likewise
 * @throws ShapeError if shapes, groups or the window do not fit together
 */
export const convTranspose2d = op("convTranspose2d", (x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvTranspose2dOptions = {}) => {
  const shape = convolutionBehind(x, weight, options);
  requireBias("convTranspose2d", bias, shape.c, weight);
  return [
    kernels.backwardX(shape, x, weight, bias),
    [
      (dy: Tensor) => kernels.forward(shape, dy, weight, null),
      (dy: Tensor) => kernels.backwardWeight(shape, dy, x),
      ...(bias ? [backwardBias] : []),
    ],
  ];
});

/** The convolution whose result has the shape of x, and whose input the result is. */
function convolutionBehind(x: Tensor, weight: Tensor, { outputPadding = 0, groups = 1, ...options }: ConvTranspose2dOptions): Convolution {
  requireImage("convTranspose2d", "x", x, "N,H,W,C_in", ["f32", "f16"]);
  requireImage("convTranspose2d", "weight", weight, "C_in,R,S,C_out/groups", ["f32", "f16"]);
  const [batch = 0, h = 0, w = 0, k = 0] = x.shape;
  const [filters = 0, r = 0, s = 0, depth = 0] = weight.shape;
  const are = `x is ${x}, weight is ${weight}`;
  if (filters !== k) throw new ShapeError(`convTranspose2d: weight expects ${filters} input channels, x has ${k}. ${are}.`);
  if (!Number.isInteger(groups) || groups < 1 || k % groups !== 0) {
    throw new ShapeError(`convTranspose2d: groups expects a divisor of the ${k} input channels, got ${groups}. ${are}.`);
  }
  const { stride, dilation, padding, kernel } = windowOf("convTranspose2d", [2 ** 30, 2 ** 30], [r, s], options);
  const extra = typeof outputPadding === "number" ? [outputPadding, outputPadding] : outputPadding;
  const size = (axis: 0 | 1, input: number, pads: number): number => {
    const added = extra[axis] ?? 0;
    const most = Math.max(stride[axis], dilation[axis]) - 1;
    if (!Number.isInteger(added) || added < 0 || added > most) {
      throw new ShapeError(`convTranspose2d: outputPadding expects a whole number from 0 to ${most}, below the stride or the dilation, got ${added}.`);
    }
    const output = (input - 1) * stride[axis] - pads + dilation[axis] * (kernel[axis] - 1) + added + 1;
    if (output < 1) throw new ShapeError(`convTranspose2d: nothing would be left of the result, padding takes ${pads} of its ${output + pads} ${axis ? "columns" : "rows"}. ${are}.`);
    return output;
  };
  const input = [size(0, h, padding.top + padding.bottom), size(1, w, padding.left + padding.right)] as const;
  const c = depth * groups;
  return { batch, input, c, k, groups, window: { kernel, stride, dilation, padding, output: [h, w] }, dtype: sharedDType("convTranspose2d", x, weight, { c, k, groups }) };
}
