// The filter's gradient of a convolution of fewer than four channels (an RGB stem) by the lanes that read images: what lies under a row of the
// filter is copied side by side first (shaders/filter-rows.wgsl), so that 7x7 taps of 3 channels become 7x1 taps of 21, which are 24 with zeros:
// fours to load, where the narrow kernels load numbers.

import { filterRows } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { empty } from "../tensor.ts";
import { filterGradientSlices, lanesImages } from "./conv2d-lanes.ts";
import { plain } from "./conv2d-plain.ts";
import { type Convolution, type ConvolutionFamily, flopsOf } from "./convolution.ts";

/** Numbers of a filter's row. */
const rowOf = ({ c, window: { kernel } }: Convolution): number => kernel[1] * c;

/** The convolution of the copied rows: one tap across, and lines enough that none is padding. */
function ofRows(shape: Convolution): Convolution {
  const { batch, k, window: { kernel: [r], stride: [down], output: [p, q] } } = shape;
  const padding = { top: 0, bottom: 0, left: 0, right: 0 };
  const taps = 4 * Math.ceil(rowOf(shape) / 4);
  return { batch, input: [(p - 1) * down + r, q], c: taps, k, groups: 1, window: { kernel: [r, 1], stride: [down, 1], dilation: [1, 1], padding, output: [p, q] } };
}

/** Lanes operations that writing a vector of the copied rows takes, as measured on lavapipe. */
const perVector = 700;
/** Columns of a filter's gradient that a tile computes, of one tap. */
const columns = 32;

export const rows: ConvolutionFamily = {
  ...plain,
  name: "lanes-rows",
  half: false,

  cost(device, shape, direction) {
    const { c, k, groups: sets, window: { dilation } } = shape;
    if (direction !== "backwardWeight" || c > 3 || k % 4 !== 0 || sets !== 1 || dilation.some((d) => d > 1)) return Infinity;
    const inner = ofRows(shape);
    const filled = inner.c / (columns * Math.ceil(inner.c / columns));
    const vectors = (inner.batch * inner.input[0] * inner.input[1] * inner.c) / 4;
    return lanesImages.cost(device, inner, direction) / filled + perVector * vectors;
  },

  backwardWeight(shape, x, dy) {
    const { input: size, c, k, window: { kernel, stride, padding: { top, left } } } = shape;
    const inner = ofRows(shape);
    const { input: [lines, q], c: taps } = inner;
    const copy = empty(x.device, [shape.batch, lines, q, taps]);
    const shared = { fours: taps / 4, size, lines, q, stride: stride[1], top, left, c, row: rowOf(shape) };
    const n = copy.size / taps;
    launch(filterRows.forward, { x, y: copy, params: { ...shared, n, slice: 0, count: 0 } }, groups(filterRows.forward, n));
    const slices = filterGradientSlices(inner, copy, dy, flopsOf(shape));
    const dw = empty(x.device, [k, ...kernel, c]);
    const count = slices.dim(0);
    launch(filterRows.fold, { slices, dw, params: { ...shared, n: dw.size, slice: slices.size / count, count } }, groups(filterRows.fold, dw.size), { flops: slices.size });
    return dw;
  },
};
