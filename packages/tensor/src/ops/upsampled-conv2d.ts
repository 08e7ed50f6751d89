// The first convolution of a U-Net's decoder block: over an image twice as large as its coarse part, with the skip's channels
// behind that part's. Neither the doubled image nor the joined one is written. A convolution is linear in its input's channels, so
// both parts have one of their own; and over repeated pixels each tap's product is wanted once a pixel, not four times: a 1x1
// convolution of the coarse part to all taps, of whose products the results are sums. All run on the families that every convolution
// runs on; shaders/upsampled-conv2d.wgsl has the rest.

import { ShapeError } from "@roentgen/core";
import { upsampledConv2d as fours, upsampledConv2dHalf as half, upsampledConv2dPacked as packed, upsampledConv2dScalar as scalar } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { twinFor } from "../storage.ts";
import type { GradientOf } from "../tape.ts";
import { empty, type FloatDType, type Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { conv2d } from "./conv2d.ts";
import { bestKernels as kernels } from "./conv2d-families.ts";
import { type Convolution, dtypeOf, requireImage, sharedDType } from "./convolution.ts";
import { once } from "./once.ts";
import { concat } from "./shape.ts";
import { upsample } from "./upsample.ts";
import { windowOf } from "./window.ts";

/** Of the result: fewer do not pay for the copies of the filters that are wanted. */
const fewestPixels = 64;

/**
 * conv2d(concat([upsample(coarse, { scale: 2, mode: "nearest" }), skip], 3), weight, null, { padding: 1 }), up to rounding. Where
 * there are pixels enough to pay for rearranged filters, it writes none of the two images and does a quarter of the coarse part's work.
 *
 * @param coarse  f32[N,H,W,C]; or f16, with all channels in fours
 * @param skip    [N,2H,2W,D] of the dtype of coarse, or null
 * @param weight  [K,3,3,C+D] of that dtype, the coarse part's channels first; its gradient is f32
 * @returns       [N,2H,2W,K] of that dtype
 * @throws ShapeError if the shapes do not fit together
 */
export function upsampledConv2d(coarse: Tensor, skip: Tensor | null, weight: Tensor): Tensor {
  const { batch, input: [h, w] } = convolutionsOf(coarse, skip, weight).beside;
  if (batch * h * w >= fewestPixels) return readStraight(coarse, skip, weight);
  const up = upsample(coarse, { scale: 2, mode: "nearest" });
  return conv2d(skip ? concat([up, skip], 3) : up, weight, null, { padding: 1 });
}

/** `upsampledConv2d` by way of the products of coarse pixels and taps, whatever the number of pixels. */
export const readStraight = op("upsampledConv2d", (coarse: Tensor, skip: Tensor | null, weight: Tensor) => {
  const { taps, beside } = convolutionsOf(coarse, skip, weight);
  const { split, join, spread, collect } = surroundings(taps, beside, weight);
  const parts = split();
  const products = kernels.forward(taps, coarse, parts.taps, null);
  const y = spread(products, skip && kernels.forward(beside, skip, parts.own, null));

  // The filters' parts are made again for the gradients: deep in a network they outweigh the images.
  const again = once(() => split());
  const collected = once(collect);
  const ofCoarse: GradientOf = (dy) => kernels.backwardX(taps, cast(collected(dy), dtypeOf(taps)), again(dy).taps, null);
  const ofSkip: GradientOf = (dy) => kernels.backwardX(beside, dy, again(dy).own, null);
  const ofWeight: GradientOf = (dy) => join(kernels.backwardWeight({ ...taps, dtype: "f32" }, cast(coarse, "f32"), collected(dy)), skip && kernels.backwardWeight(beside, skip, dy));
  return [y, skip ? [ofCoarse, ofSkip, ofWeight] : [ofCoarse, ofWeight]];
});

/** From coarse pixels to the products with all taps, tap by tap, and from the skip to the result. */
function convolutionsOf(coarse: Tensor, skip: Tensor | null, weight: Tensor): { taps: Convolution; beside: Convolution } {
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
  const common = { batch, groups: 1, dtype };
  return {
    taps: { ...common, input: [h, w], c, k: 9 * filters, window: windowOf("upsampledConv2d", [h, w], [1, 1], {}) },
    beside: { ...common, input, c: d, k: filters, window: windowOf("upsampledConv2d", input, [3, 3], { padding: 1 }) },
  };
}

/** Threads that share a row of filters, as the shader has it. */
const walkers = 8;
/** Columns of the coarse image that a thread walks along, two more read: a GPU wants many threads, a software driver has few cores. */
const columns = { software: 32, gpu: 8 };

/** What stands before and behind the products. */
function surroundings(taps: Convolution, beside: Convolution, weight: Tensor) {
  const { device } = weight;
  const { batch, input: [h, w], c } = taps;
  const { input: [rows], c: d, k: filters } = beside;
  const dtype = dtypeOf(taps);
  const inFours = [c, d, filters].every((n) => n % 4 === 0);
  const twin = inFours ? twinFor(device, dtype, { f32: fours, half, packed }) : scalar;
  const lanes = inFours ? 4 : 1;
  const run = columns[device.info.software ? "software" : "gpu"];
  const params = { size: [h, w] as const, filters, c: c / lanes, d: d / lanes, k: filters / lanes, run, add: 0 };
  const ofFilters = { ...params, n: taps.k * walkers };
  const ofImages = (lines: number) => ({ ...params, n: batch * lines * Math.ceil(w / run) * params.k });
  return {
    /** The filters, tap by tap [9 K,1,1,C] for the coarse part, and [K,3,3,D] for the skip. */
    split(): { taps: Tensor; own: Tensor } {
      // Without a skip nothing is written to its part, but a kernel wants something there.
      const parts = { taps: empty(device, [taps.k, 1, 1, c], { dtype }), own: empty(device, d ? [filters, 3, 3, d] : [4], { dtype }) };
      launch(twin.split, { w: weight, ...parts, params: ofFilters }, groups(twin.split, ofFilters.n));
      return parts;
    },
    /** Gradients of both parts, f32, as one of all filters. */
    join(dtaps: Tensor, down: Tensor | null): Tensor {
      const dw = empty(device, weight.shape);
      const kernel = (inFours ? fours : scalar).join;
      launch(kernel, { dtaps, down: down ?? dtaps, dw, params: ofFilters }, groups(kernel, ofFilters.n));
      return dw;
    },
    /** The sums of nine products each, added to `y` where there is one that nobody has seen yet. */
    spread(z: Tensor, before: Tensor | null): Tensor {
      const y = before ?? empty(device, [batch, ...beside.input, filters], { dtype });
      const mine = { ...ofImages(rows), add: before ? 1 : 0 };
      launch(twin.spread, { z, y, params: mine }, groups(twin.spread, mine.n), { flops: (before ? 6 : 5) * y.size });
      return y;
    },
    /** The gradient of `spread`, f32: rounded to f16 it would cost the filters' gradients digits. */
    collect(dy: Tensor): Tensor {
      const dz = empty(device, [batch, h, w, taps.k]);
      const mine = ofImages(h);
      launch(twin.collect, { dy, dz, params: mine }, groups(twin.collect, mine.n), { flops: (15 * dz.size) / 9 });
      return dz;
    },
  };
}
