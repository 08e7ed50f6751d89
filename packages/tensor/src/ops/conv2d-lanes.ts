// The lanes family of convolution kernels: subgroups of exactly eight lanes, one group of channels. See shaders/conv2d.lanes.wgsl,
// conv2d.lanes-few.wgsl for few pixels and conv2d.lanes-narrow.wgsl for channels that do not come in fours.

import { type Device, maxGroups } from "@roentgen/gpu";
import {
  conv2dLanes, conv2dLanesFew, conv2dLanesFewHalf, conv2dLanesFewPacked, conv2dLanesHalf, conv2dLanesNarrow, conv2dLanesPacked,
} from "@roentgen/kernels";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty } from "../tensor.ts";
import { type Convolution, type ConvolutionFamily, dtypeOf, flopsOf } from "./convolution.ts";
import { sumOfSlices } from "./sum-slices.ts";

/** Columns of results that a workgroup computes. */
const columns = 32;

const many = { f32: conv2dLanes, half: conv2dLanesHalf, packed: conv2dLanesPacked };
const few = { f32: conv2dLanesFew, half: conv2dLanesFewHalf, packed: conv2dLanesFewPacked };

export const lanes: ConvolutionFamily = {
  name: "lanes",
  half: true,

  // Lanes compute 32 columns at a time (output channels, or input channels backwards), so few of them waste most of the work; and
  // they find pixels by float32 division, exact below 2^20.
  cost({ info }, shape, direction) {
    const { batch, input, c, k, groups, window: { output, stride } } = shape;
    if (info.subgroupSize !== 8 || !info.features.includes("subgroups") || groups !== 1) return Infinity;
    const pixels = batch * Math.max(input[0] * input[1], output[0] * output[1]);
    if (pixels > 16 * maxGroups || stride[0] * stride[1] > maxGroups || filterColumns(shape) > maxGroups) return Infinity;
    return (direction === "backwardX" ? c : k) < 8 ? Infinity : 4 * flopsOf(shape);
  },

  forward(shape, x, weight, bias) {
    const y = empty(x.device, [shape.batch, ...shape.window.output, shape.k], { dtype: dtypeOf(shape) });
    const { kernels, rows } = kernelsFor(x.device, shape, y.size / shape.k);
    const grid = [Math.ceil(y.size / shape.k / rows), Math.ceil(shape.k / columns), 1] as const;
    launch(kernels.forward, { x, w: weight, bias: bias ?? weight, y, params: paramsOf(shape, bias !== null) }, grid, { flops: flopsOf(shape) });
    return y;
  },

  backwardX(shape, dy, weight, bias) {
    const dx = empty(dy.device, [shape.batch, ...shape.input, shape.c], { dtype: dtypeOf(shape) });
    const [down, across] = shape.window.stride;
    const phase = shape.batch * Math.ceil(shape.input[0] / down) * Math.ceil(shape.input[1] / across);
    const { kernels, rows } = kernelsFor(dy.device, shape, phase);
    const grid = [Math.ceil(phase / rows), Math.ceil(shape.c / columns), down * across] as const;
    launch(kernels.backwardX, { w: weight, bias: bias ?? weight, dy, dx, params: paramsOf(shape, bias !== null) }, grid, { flops: flopsOf(shape) });
    return dx;
  },

  backwardWeight(shape, x, dy) {
    const { slice, slices } = lanesSlices(shape);
    const kernels = isWide(shape) ? twinFor(x.device, dtypeOf(shape), many) : conv2dLanesNarrow;
    const grid = [filterRows(shape), filterColumns(shape), slices] as const;
    return sumOfSlices(x, slices, [shape.k, ...shape.window.kernel, shape.c], (partial) =>
      launch(kernels.backwardWeight, { x, dy, partial, params: paramsOf(shape, false, slice) }, grid, { flops: flopsOf(shape) }));
  },
};

/**
 * How the sum over output pixels of a filter's gradient is cut: about 96 workgroups in all, slices of a multiple of 4 pixels and
 * of 64 at least.
 */
export function lanesSlices(shape: Convolution): { slice: number; slices: number } {
  const { batch, window: { output } } = shape;
  const pixels = batch * output[0] * output[1];
  const tiles = filterRows(shape) * filterColumns(shape);
  const wanted = Math.min(Math.ceil(96 / tiles), Math.max(1, Math.floor(pixels / 64)));
  const slice = Math.ceil(pixels / wanted / 4) * 4;
  return { slice, slices: Math.ceil(pixels / slice) };
}

const isWide = ({ c, k }: Convolution): boolean => c % 4 === 0 && k % 4 === 0;

/** The kernels for so many pixels, and how many of these a workgroup takes: 16 where tiles of 32 would leave much of the last one empty. */
function kernelsFor(device: Device, shape: Convolution, pixels: number) {
  if (!isWide(shape)) return { kernels: conv2dLanesNarrow, rows: 16 };
  const halves = Math.ceil(pixels / 16);
  return halves % 2 === 1 && halves < 9 ? { kernels: twinFor(device, dtypeOf(shape), few), rows: 16 } : { kernels: twinFor(device, dtypeOf(shape), many), rows: 32 };
}

/** Tiles down a filter. */
const filterRows = (shape: Convolution): number => Math.ceil(shape.k / (isWide(shape) ? 32 : 16));

/** Tiles across a filter: wide kernels cut each tap's channels by themselves, narrow ones all taps' in one row. */
export function filterColumns(shape: Convolution): number {
  const { c, window: { kernel: [r, s] } } = shape;
  return isWide(shape) ? r * s * Math.ceil(c / columns) : Math.ceil((r * s * c) / columns);
}

function paramsOf({ batch, input, c, k, window }: Convolution, hasBias: boolean, slice = 4) {
  const { output, kernel, stride, dilation, padding: { top, left } } = window;
  return { input, output, kernel, stride, dilation, padding: [top, left], batch, c, k, has_bias: hasBias ? 1 : 0, slice };
}
