// The lanes families of convolution kernels: subgroups of exactly eight lanes, one group of channels. `lanes` reads buffers, `lanes-images`
// what it needs often from images, which are copied first. See shaders/conv2d.lanes.wgsl, conv2d.lanes-few.wgsl for few pixels and
// conv2d.lanes-narrow.wgsl for channels that do not come in fours.

import { type Device, imageRow, imageSize, maxGroups } from "@roentgen/gpu";
import {
  conv2dLanes, conv2dLanesFew, conv2dLanesFewHalf, conv2dLanesFewImage, conv2dLanesFewImages, conv2dLanesFewPacked, conv2dLanesHalf, conv2dLanesImage,
  conv2dLanesImages, conv2dLanesNarrow, conv2dLanesPacked,
} from "@roentgen/kernels";
import type { Hardware } from "../choice.ts";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, type Tensor } from "../tensor.ts";
import { type Convolution, type ConvolutionFamily, type Direction, costsOf, dtypeOf, flopsOf } from "./convolution.ts";
import { sumOfSlices } from "./sum-slices.ts";

/** Columns of results that a workgroup computes. */
const columns = 32;

type Wide = typeof conv2dLanes;
type Narrow = typeof conv2dLanesNarrow;

/** Which kernels a family has for a tile of 32 rows or (`few`) of 16, if there are so many tiles, and for the gradient of filters. */
interface Kernels {
  readonly ofImage: (device: Device, shape: Convolution, few: boolean, tiles: number) => Pick<Wide, "forward" | "backwardX"> | Narrow;
  readonly ofFilter: (device: Device, shape: Convolution) => Wide | Narrow;
}

const many = { f32: conv2dLanes, half: conv2dLanesHalf, packed: conv2dLanesPacked };
const few = { f32: conv2dLanesFew, half: conv2dLanesFewHalf, packed: conv2dLanesFewPacked };

const fromBuffers: Kernels = {
  ofImage: (device, shape, isFew) => (isWide(shape) ? twinFor(device, dtypeOf(shape), isFew ? few : many) : conv2dLanesNarrow),
  ofFilter: (device, shape) => (isWide(shape) ? twinFor(device, dtypeOf(shape), many) : conv2dLanesNarrow),
};

/** Each tile reads all filters: they are worth a copy if there are two. */
const fromImages: Kernels = {
  ofImage: (_, __, isFew, tiles) => (tiles < 2 ? (isFew ? conv2dLanesFewImage : conv2dLanesImage) : isFew ? conv2dLanesFewImages : conv2dLanesImages),
  ofFilter: () => conv2dLanesImages,
};

function family(name: string, half: boolean, cost: ConvolutionFamily["cost"], kernels: Kernels): ConvolutionFamily {
  const kernelsFor = (device: Device, shape: Convolution, direction: "forward" | "backwardX") => {
    const { isFew, tiles } = tilesOf(shape, direction);
    return { tiles, ...kernels.ofImage(device, shape, isFew, tiles) };
  };
  return {
    name,
    half,
    cost,

    forward(shape, x, weight, bias) {
      const y = empty(x.device, [shape.batch, ...shape.window.output, shape.k], { dtype: dtypeOf(shape) });
      const { tiles, forward } = kernelsFor(x.device, shape, "forward");
      const grid = [tiles, Math.ceil(shape.k / columns), 1] as const;
      launch(forward, { x, w: weight, bias: bias ?? weight, y, params: paramsOf(shape, bias !== null, { x, weight }) }, grid, costsOf(shape, "forward"));
      return y;
    },

    backwardX(shape, dy, weight, bias) {
      const dx = empty(dy.device, [shape.batch, ...shape.input, shape.c], { dtype: dtypeOf(shape) });
      const [down, across] = shape.window.stride;
      const { tiles, backwardX } = kernelsFor(dy.device, shape, "backwardX");
      const grid = [tiles, down * across, Math.ceil(shape.c / columns)] as const;
      launch(backwardX, { w: weight, bias: bias ?? weight, dy, dx, params: paramsOf(shape, bias !== null, { dy, weight }) }, grid, costsOf(shape, "backwardX"));
      return dx;
    },

    backwardWeight(shape, x, dy) {
      const slices = slicesOf(shape);
      return sumOfSlices(x, slices, [shape.k, ...shape.window.kernel, shape.c], (partial) => filterGradient(kernels, shape, slices, { x, dy, partial }));
    },
  };
}

// Lanes compute 32 columns at a time (output channels, or input channels backwards), so few of them waste most of the work; and
// they find pixels by float32 division, exact below 2^20.
function isAble({ info }: Hardware, shape: Convolution, direction: Direction): boolean {
  const { batch, input, c, k, groups, window: { output, stride } } = shape;
  if (info.subgroupSize !== 8 || !info.features.includes("subgroups") || groups !== 1) return false;
  const pixels = batch * Math.max(input[0] * input[1], output[0] * output[1]);
  if (pixels > 16 * maxGroups || stride[0] * stride[1] > maxGroups || filterColumns(shape) > maxGroups) return false;
  return (direction === "backwardX" ? c : k) >= 8;
}

/** The filter's gradient, each slice of the sum over pixels by itself. */
function filterGradient({ ofFilter }: Kernels, shape: Convolution, slices: number, tensors: { readonly x: Tensor; readonly dy: Tensor; readonly partial: Tensor }, costs = costsOf(shape, "backwardWeight")): void {
  const grid = [filterRows(shape), filterColumns(shape), slices] as const;
  launch(ofFilter(tensors.x.device, shape).backwardWeight, { ...tensors, params: paramsOf(shape, false, tensors) }, grid, costs);
}

/** The filter's gradient from images, f32[slices, k, r, s, c], to be added up in order. @param flops  of it, where some of x are zeros put in */
export function filterGradientSlices(shape: Convolution, x: Tensor, dy: Tensor, flops: number): Tensor {
  const slices = slicesOf(shape);
  const partial = empty(x.device, [slices, shape.k, ...shape.window.kernel, shape.c]);
  filterGradient(fromImages, shape, slices, { x, dy, partial }, { flops, unread: 0 });
  return partial;
}

/** Narrow kernels load numbers where wide ones load fours. */
export const lanes = family("lanes", true, (device, shape, direction) => (isAble(device, shape, direction) ? (isWide(shape) ? 4 : 7) * flopsOf(shape) : Infinity), fromBuffers);

/** In f32 alone: f16 halves the loads, and images then save nothing. */
export const lanesImages = family("lanes-images", false, imagesCost, fromImages);

/** A FLOP is cheaper by what loads take less, half as much where filters are not copied; what a byte's copy costs stands against it. */
function imagesCost(device: Hardware, shape: Convolution, direction: Direction): number {
  const { x, dy, weight } = bytesOf(shape);
  const filters = direction !== "backwardWeight" && tilesOf(shape, direction).tiles >= 2 ? [weight] : [];
  const operands = { forward: [x, ...filters], backwardX: [dy, ...filters], backwardWeight: [x, dy] }[direction];
  if (!device.info.software || !isWide(shape) || !isAble(device, shape, direction) || operands.some((bytes) => !imageSize(bytes))) return Infinity;
  return (operands.length > 1 ? 3 : 3.4) * flopsOf(shape) + 8 * operands.reduce((a, b) => a + b);
}

/** Tiles of pixels, of one phase backwards: of 16 rows (`isFew`) where tiles of 32 would leave much of the last one empty. */
function tilesOf(shape: Convolution, direction: "forward" | "backwardX"): { isFew: boolean; tiles: number } {
  const { batch, input, window: { output, stride } } = shape;
  const [rows, across] = direction === "forward" ? output : [Math.ceil(input[0] / stride[0]), Math.ceil(input[1] / stride[1])];
  const halves = Math.ceil((batch * rows * across) / 16);
  const isFew = !isWide(shape) || (halves % 2 === 1 && halves < 9);
  return { isFew, tiles: isFew ? halves : Math.ceil(halves / 2) };
}

/** Of operands in f32. */
function bytesOf({ batch, input, c, k, window: { output, kernel } }: Convolution): { x: number; dy: number; weight: number } {
  return { x: 4 * batch * input[0] * input[1] * c, dy: 4 * batch * output[0] * output[1] * k, weight: 4 * k * kernel[0] * kernel[1] * c };
}

/** Into how many slices the sum over output pixels of a filter's gradient is cut: about 96 workgroups in all, slices of 64 pixels at least. */
function slicesOf(shape: Convolution): number {
  const { batch, window: { output } } = shape;
  const tiles = filterRows(shape) * filterColumns(shape);
  return Math.min(Math.ceil(96 / tiles), Math.max(1, Math.floor((batch * output[0] * output[1]) / 64)));
}

const isWide = ({ c, k }: Convolution): boolean => c % 4 === 0 && k % 4 === 0;

/** Tiles down a filter. */
const filterRows = (shape: Convolution): number => Math.ceil(shape.k / (isWide(shape) ? 32 : 16));

/** Tiles across a filter: wide kernels cut each tap's channels by themselves, narrow ones all taps' in one row. */
function filterColumns(shape: Convolution): number {
  const { c, window: { kernel: [r, s] } } = shape;
  return isWide(shape) ? r * s * Math.ceil(c / columns) : Math.ceil((r * s * c) / columns);
}

/**
 * Whether a tile takes pixels of one place in several images: then a tap in the padding is so for all of them, and is left out. In larger images
 * fewer taps are, and neighbours share what they read.
 */
const isByPlace = ({ window: { kernel, output } }: Convolution): boolean => kernel[0] * kernel[1] > 1 && output[0] * output[1] <= 64;

function paramsOf(shape: Convolution, hasBias: boolean, { x, dy, weight }: { readonly x?: Tensor; readonly dy?: Tensor; readonly weight?: Tensor }) {
  const { batch, input, c, k, window: { output, kernel, stride, dilation, padding: { top, left } } } = shape;
  const row = (read: Tensor | undefined) => imageRow(read?.buffer.bytes ?? 0);
  return { input, output, kernel, stride, dilation, padding: [top, left], batch, c, k, has_bias: hasBias ? 1 : 0, by_place: isByPlace(shape) ? 1 : 0, x_row: row(x), w_row: row(weight), dy_row: row(dy) };
}
