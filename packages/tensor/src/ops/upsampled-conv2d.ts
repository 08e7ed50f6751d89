// The first convolution of a U-Net's decoder block: over an image twice as large as its coarse part, with the skip's channels
// behind that part's. Neither the doubled image nor the joined one has to be written. A convolution is linear in its input's
// channels, so both parts have one of their own; and one over repeated pixels is a transposed convolution of the pixels
// themselves, with fewer taps a result (four for nine). Both run on the families that every convolution runs on.

import { ShapeError } from "@roentgen/core";
import { upsampledConv2d as k, upsampledConv2dHalf as half, upsampledConv2dPacked as packed } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, type FloatDType, type Tensor } from "../tensor.ts";
import { conv2d } from "./conv2d.ts";
import { bestKernels as kernels } from "./conv2d-families.ts";
import { type Convolution, requireImage, sharedDType } from "./convolution.ts";
import { concat, cut, put } from "./shape.ts";
import { upsample } from "./upsample.ts";
import { windowOf } from "./window.ts";

/**
 * conv2d(concat([upsample(coarse, { scale: 2, mode: "nearest" }), skip], 3), weight, null, { padding: 1 }), up to rounding. Where
 * there are pixels enough to pay for rearranged filters, it writes none of the two images and does 4/9 of the coarse part's work.
 *
 * @param coarse  f32[N,H,W,C]; or f16, with all channels in fours
 * @param skip    [N,2H,2W,D] of the dtype of coarse, or null
 * @param weight  [K,3,3,C+D] of that dtype, the coarse part's channels first; its gradient is f32
 * @returns       [N,2H,2W,K] of that dtype
 * @throws ShapeError if the shapes do not fit together
 */
export function upsampledConv2d(coarse: Tensor, skip: Tensor | null, weight: Tensor): Tensor {
  const { beside: { batch, input, k: filters } } = convolutionsOf(coarse, skip, weight);
  if (batch * input[0] * input[1] >= filters) return readStraight(coarse, skip, weight);
  const up = upsample(coarse, { scale: 2, mode: "nearest" });
  return conv2d(skip ? concat([up, skip], 3) : up, weight, null, { padding: 1 });
}

/** `upsampledConv2d` by way of a transposed convolution of the coarse part, whatever the number of pixels. */
export const readStraight = op("upsampledConv2d", (coarse: Tensor, skip: Tensor | null, weight: Tensor) => {
  const { behind, beside } = convolutionsOf(coarse, skip, weight);
  // Rearranged filters are made again for the gradients: deep in a network they outweigh the images.
  const y = kernels.backwardX(behind, coarse, expanded(weight, behind), null);
  const dCoarse = (dy: Tensor) => kernels.forward(behind, dy, expanded(weight, behind), null);
  const dWeight = (dy: Tensor) => folded(kernels.backwardWeight(behind, dy, coarse), weight);
  if (!skip) return [y, [dCoarse, dWeight]];

  const start = [0, 0, 0, behind.k];
  const own = () => cut(weight, start, [beside.k, 3, 3, beside.c]);
  addTo(y, kernels.forward(beside, skip, own(), null));
  return [y, [
    dCoarse,
    (dy) => kernels.backwardX(beside, dy, own(), null),
    (dy) => {
      const dw = dWeight(dy);
      put(kernels.backwardWeight(beside, skip, dy), dw, start);
      return dw;
    },
  ]];
});

/** The convolution whose transpose takes the coarse part, and the one that takes the skip. */
function convolutionsOf(coarse: Tensor, skip: Tensor | null, weight: Tensor): { behind: Convolution; beside: Convolution } {
  requireImage("upsampledConv2d", "coarse", coarse, "N,H,W,C", ["f32", "f16"]);
  requireImage("upsampledConv2d", "weight", weight, "K,3,3,C+D", ["f32", "f16"]);
  if (skip) requireImage("upsampledConv2d", "skip", skip, "N,2H,2W,D", [coarse.dtype as FloatDType]);
  const [batch = 0, h = 0, w = 0, c = 0] = coarse.shape;
  const [filters = 0, r, s, all] = weight.shape;
  const input = [2 * h, 2 * w] as const;
  const are = `coarse is ${coarse}, skip is ${skip ?? "absent"}, weight is ${weight}`;
  if (r !== 3 || s !== 3) throw new ShapeError(`upsampledConv2d: weight expects filters of 3x3, got ${r}x${s}. ${are}.`);
  const d = skip?.dim(3) ?? 0;
  if (skip && (skip.dim(0) !== batch || skip.dim(1) !== input[0] || skip.dim(2) !== input[1])) {
    throw new ShapeError(`upsampledConv2d: skip expects ${batch} images of ${input.join("x")}, twice the size of coarse. ${are}.`);
  }
  if (all !== c + d) throw new ShapeError(`upsampledConv2d: weight expects ${all} input channels, coarse and skip have ${c} + ${d}. ${are}.`);
  const dtype = sharedDType("upsampledConv2d", coarse, weight, { c, k: filters, groups: 1 });
  if (dtype === "f16" && d % 4) throw new ShapeError(`upsampledConv2d: f16 needs the channels of skip in fours. ${are}. Cast them to f32.`);
  const common = { batch, input, groups: 1, dtype };
  return {
    behind: { ...common, c: filters, k: c, window: windowOf("upsampledConv2d", input, [4, 4], { stride: 2, padding: 1 }) },
    beside: { ...common, c: d, k: filters, window: windowOf("upsampledConv2d", input, [3, 3], { padding: 1 }) },
  };
}

/** weight [K,3,3,all] -> [C,4,4,K]: the filters of the convolution whose transpose takes the coarse part. */
function expanded(weight: Tensor, { k: c, c: filters, dtype = "f32" }: Convolution): Tensor {
  const taps = empty(weight.device, [c, 4, 4, filters], { dtype });
  const { fours, ...params } = walkOf(weight, c, filters, 16);
  const options = { flops: 36 * c * filters };
  const { expand4 } = twinFor(weight.device, dtype, { f32: k, half, packed });
  if (fours) launch(expand4, { w4: weight, taps4: taps, params }, groups(expand4, params.n), options);
  else launch(k.expand, { w: weight, taps, params }, groups(k.expand, params.n), options);
  return taps;
}

/** The gradient of `expanded`: into the first channels of a gradient of `weight`, f32, whose others are left to be written. */
function folded(dTaps: Tensor, weight: Tensor): Tensor {
  const dw = empty(weight.device, weight.shape, { dtype: "f32" });
  const { fours, ...params } = walkOf(weight, dTaps.dim(0), dTaps.dim(3), 9);
  const options = { flops: 36 * params.c * params.k };
  if (fours) launch(k.fold4, { dtaps4: dTaps, dw4: dw, params }, groups(k.fold4, params.n), options);
  else launch(k.fold, { dtaps: dTaps, dw, params }, groups(k.fold, params.n), options);
  return dw;
}

/** How threads walk over filters of so many taps: tap by tap, or four channels by four filters with all taps, 16 channels in a row. */
function walkOf(weight: Tensor, c: number, filters: number, taps: number) {
  const all = weight.dim(3);
  const fours = [c, filters, all].every((n) => n % 4 === 0);
  return { fours, c, k: filters, all, n: fours ? Math.ceil(c / 16) * filters : c * taps * filters };
}

/** y += x. Only for a tensor that nobody has seen yet. */
function addTo(y: Tensor, x: Tensor): void {
  const params = { n: y.size % 4 ? y.size : y.size / 4, c: 0, k: 0, all: 0 };
  const { add4 } = twinFor(y.device, y.dtype as FloatDType, { f32: k, half, packed });
  if (y.size % 4) launch(k.add, { x, y, params }, groups(k.add, params.n), { flops: y.size });
  else launch(add4, { x4: x, y4: y, params }, groups(add4, params.n), { flops: y.size });
}
