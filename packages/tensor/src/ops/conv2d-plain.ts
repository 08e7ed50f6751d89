// The plain family of convolution kernels: any device, any shape. See shaders/conv2d.wgsl.

import { type Device, flatGrid, type Grid } from "@roentgen/gpu";
import { conv2d as k, conv2dHalf as half, conv2dPacked as packed } from "@roentgen/kernels";
import { groups as flat, launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, type Tensor } from "../tensor.ts";
import { stored } from "./cast.ts";
import { type Convolution, type ConvolutionFamily, costsOf, type Direction, dtypeOf, flopsOf } from "./convolution.ts";
import { sumOfSlices } from "./sum-slices.ts";
import { plainCost } from "./tiling.ts";

export const plain: ConvolutionFamily = {
  name: "plain",
  half: true,
  cost: (device, shape, direction) => plainCost(device, flopsOf(shape), waitsOf(shape, direction)),

  forward(shape, x, weight, bias) {
    const y = empty(x.device, [shape.batch, ...shape.window.output, shape.k], { dtype: dtypeOf(shape) });
    const { lanes, grid } = tiling(shape.k, shape.groups, Math.ceil((y.size / shape.k) / 4));
    const params = { ...paramsOf(shape), has_bias: bias ? 1 : 0, lanes };
    const options = costsOf(shape, "forward");
    const rest = { bias: bias ?? weight, y, params };
    if ((shape.c / shape.groups) % 4 === 0) launch(foursFor(x.device, shape).forward, { x4: x, w4: weight, ...rest }, grid, options);
    else launch(k.forwardRagged, { x, w: weight, ...rest }, grid, options);
    return y;
  },

  backwardX(shape, dy, weight, bias) {
    const dx = empty(dy.device, [shape.batch, ...shape.input, shape.c], { dtype: dtypeOf(shape) });
    const { stride } = shape.window;
    const phase = shape.batch * Math.ceil(shape.input[0] / stride[0]) * Math.ceil(shape.input[1] / stride[1]);
    const { lanes, grid } = tiling(shape.c, shape.groups, stride[0] * stride[1] * Math.ceil(phase / 4));
    const params = { ...paramsOf(shape), has_bias: bias ? 1 : 0, lanes };
    const options = costsOf(shape, "backwardX");
    const rest = { bias: bias ?? weight, dx, params };
    if (inFours(shape)) launch(foursFor(dy.device, shape).backwardX, { dy4: dy, w4: weight, ...rest }, grid, options);
    else launch(k.backwardXRagged, { dy, w: weight, ...rest }, grid, options);
    return dx;
  },

  backwardWeight(shape, x, dy) {
    const filter = [shape.k, ...shape.window.kernel, shape.c / shape.groups];
    const whole = pixelsInARow(shape);
    const cut = weightSlices(shape);
    const [seen, { slices, rows }] = cut.slices === 1 && whole ? [whole, { slices: 1, rows: 1 }] : [shape, cut];
    return sumOfSlices(x, slices, filter, (partial) => {
      const params = { ...paramsOf(seen), slices, slice_rows: rows };
      const options = costsOf(shape, "backwardWeight");
      const threads = slices * pieces(shape);
      if (inFours(shape)) launch(foursFor(x.device, shape).backwardWeight, { x4: x, dy4: dy, partial, params }, flat(k.backwardWeight, threads), options);
      else launch(k.backwardWeightRagged, { x, dy, partial, params }, flat(k.backwardWeightRagged, threads), options);
    });
  },
};

/** How often a thread waits for operands: four terms at a time, where terms come in fours, or a pixel. */
function waitsOf(shape: Convolution, direction: Direction): number {
  const { c, k: filters, groups, window: { output, kernel: [r, s], stride: [down, across] } } = shape;
  if (direction === "backwardWeight") return weightSlices(shape).rows * output[1];
  const [terms, taps] = direction === "forward" ? [c / groups, r * s] : [filters / groups, Math.ceil(r / down) * Math.ceil(s / across)];
  return taps * (terms % 4 ? terms : terms / 4);
}

/** The kernels for channels in fours, by how these are stored. */
const foursFor = (device: Device, shape: Convolution) =>
  twinFor<Pick<typeof k, "forward" | "backwardX" | "backwardWeight">>(device, dtypeOf(shape), { f32: k, half, packed });

/**
 * The gradient of a bias, f32: dy [n,p,q,k], or any shape with k last, summed over all but its last axis -> [k]. In slices, which on a GPU,
 * where a thread waits for each row, are many and summed in turn as if they were rows.
 */
export function backwardBias(gradient: Tensor): Tensor {
  const dy = stored(gradient, "f32");
  const channels = dy.dim(-1);
  const pixels = dy.size / channels;
  const { software } = dy.device.info;
  const rows = software ? Math.max(256, Math.ceil(pixels / 256)) : rowsOnGpu;
  const slices = Math.ceil(pixels / rows);
  const first = (partial: Tensor) => {
    const params = { ...unused, output: [1, pixels], k: channels, slices, slice_rows: rows };
    launch(k.backwardBias, { dy, partial, params }, flat(k.backwardBias, slices * channels), { flops: dy.size });
  };
  if (software || slices === 1) return sumOfSlices(dy, slices, [channels], first);
  const partial = empty(dy.device, [slices, channels]);
  first(partial);
  return backwardBias(partial);
}

/** Rows that a thread of a bias's gradient adds up. */
const rowsOnGpu = 128;

/**
 * How the sum over image rows of a filter's gradient is cut: enough slices to keep a device busy where the filter is small, and
 * few enough terms in a row for float32, within a workspace of 64 MiB.
 */
export function weightSlices(shape: Convolution): { slices: number; rows: number } {
  const { batch, k: filters, c, groups, window: { output, kernel } } = shape;
  const imageRows = batch * output[0];
  const size = filters * kernel[0] * kernel[1] * (c / groups);
  const wanted = Math.max(Math.ceil(16_384 / pieces(shape)), Math.ceil((imageRows * output[1]) / 16_384));
  const allowed = Math.max(1, Math.floor(2 ** 24 / size));
  const rows = Math.ceil(imageRows / Math.min(imageRows, wanted, allowed));
  return { slices: Math.ceil(imageRows / rows), rows };
}

/** Threads that one slice of a filter's gradient takes. */
const pieces = ({ k: filters, c, groups, window: { kernel } }: Convolution): number =>
  groups * Math.ceil(filters / groups / 4) * kernel[0] * kernel[1] * Math.ceil(c / groups / 4);

/** A convolution that looks at single pixels, as one long row of them; null for any other. */
function pixelsInARow(shape: Convolution): Convolution | null {
  const { input, window: { kernel, stride, padding, output } } = shape;
  const [one, step] = [kernel, stride].map(([a, b]) => a === 1 && b === 1);
  if (!one || !step || padding.top + padding.left + padding.bottom + padding.right > 0) return null;
  const row = [1, shape.batch * input[0] * input[1]] as const;
  return output[0] === input[0] ? { ...shape, batch: 1, input: row, window: { ...shape.window, output: row } } : null;
}

const inFours = ({ c, k: filters, groups }: Convolution): boolean => (c / groups) % 4 === 0 && (filters / groups) % 4 === 0;

/** Lies `lanes` of the blocks of four channels beside each other in a workgroup, and gives the grid for so many blocks of pixels. */
function tiling(channels: number, groups: number, pixelBlocks: number): { lanes: number; grid: Grid } {
  const blocks = groups * Math.ceil(channels / groups / 4);
  const lanes = blocks % 8 === 0 ? 8 : blocks % 4 === 0 ? 4 : blocks % 2 === 0 ? 2 : 1;
  return { lanes, grid: flatGrid((blocks / lanes) * Math.ceil((pixelBlocks * lanes) / k.forward.overrides.WORKGROUP), 1) };
}

const unused = {
  input: [1, 1], output: [1, 1], kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0],
  batch: 1, c: 1, k: 1, groups: 1, has_bias: 0, lanes: 1, slices: 1, slice_rows: 1,
} as const;

function paramsOf({ batch, input, c, k: filters, groups, window }: Convolution) {
  const { output, kernel, stride, dilation, padding: { top, left } } = window;
  return { ...unused, input, output, kernel, stride, dilation, padding: [top, left], batch, c, k: filters, groups };
}
