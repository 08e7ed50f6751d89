// The tiled family of convolution kernels, one member a tile: implicit matrix products with tiles in workgroup memory, for GPUs. See
// shaders/conv2d.tiled.wgsl. Convolutions of single pixels are matrix products as they lie. Channels that do not come in fours are
// surrounded by zeros first.

import { barriersAreCostly, flatGrid, type Grid, type LaunchOptions } from "@roentgen/gpu";
import { conv2dTiled, conv2dTiledHalf, conv2dTiledHalfwide, conv2dTiledPacked, conv2dTiledPackedwide, fitChannels } from "@roentgen/kernels";
import { groups as flat, launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, type Tensor } from "../tensor.ts";
import { stem } from "./conv2d-stem.ts";
import { type Convolution, type ConvolutionFamily, type ConvolutionKernels, costsOf, type Direction, dtypeOf } from "./convolution.ts";
import { tiledProduct } from "./matmul-tiled.ts";
import { inSlices } from "./sum-slices.ts";
import { cutOf, dispatchesCost, fits, overridesOf, type Tile, tiles, type Work } from "./tiling.ts";

/** By what forward and backwardX write: the dtype of what they read, or f32. */
const same = { f32: conv2dTiled, half: conv2dTiledHalf, packed: conv2dTiledPacked };
const wide = { f32: conv2dTiled, half: conv2dTiledHalfwide, packed: conv2dTiledPackedwide };

/** One direction of a convolution as matrix products: of a phase each, in backwardX. */
export function workOf(shape: Convolution, direction: Direction): Work {
  const { batch, input, c, k, window: { output, kernel: [r, s], stride: [down, across] } } = shape;
  const bytes = dtypeOf(shape) === "f32" ? 4 : 2;
  const pixels = batch * output[0] * output[1];
  if (direction === "forward") return { m: pixels, n: k, k: r * s * c, layers: 1, bytes };
  if (direction === "backwardWeight") return { m: k, n: r * s * c, k: pixels, layers: 1, bytes };
  const phase = batch * Math.ceil(input[0] / down) * Math.ceil(input[1] / across);
  return { m: phase, n: c, k: Math.max(1, Math.round((r * s * k) / (down * across))), layers: down * across, bytes };
}

/** Convolutions by one tile, channels in fours. */
function inFoursBy(tile: Tile): ConvolutionKernels {
  const launched = (shape: Convolution, direction: Direction, like: Tensor, as: readonly number[], bias: Tensor | null, launchInto: (partial: Tensor, how: How) => void): Tensor => {
    const { batch, input, c, k, window: { output, kernel, stride, dilation, padding: { top, left } } } = shape;
    const work = workOf(shape, direction);
    const { slices } = cutOf(tile, work, like.device.info);
    const [x, y] = flatGrid(Math.ceil(work.m / tile.m) * Math.ceil(work.n / tile.n), 1);
    const dtype = dtypeOf(shape);
    return inSlices(like, slices, as, direction === "backwardWeight" ? "f32" : dtype, (partial) => launchInto(partial, {
      kernels: twinFor(like.device, dtype, partial.dtype === "f32" ? wide : same),
      grid: [x, y, work.layers * slices],
      options: { overrides: overridesOf(tile, like.device.info), ...costsOf(shape, direction) },
      params: { input, output, kernel, stride, dilation, padding: [top, left], batch, c, k, has_bias: bias ? 1 : 0, slices },
    }));
  };
  return {
    forward(shape, x, weight, bias) {
      const { batch, c, k, window: { output } } = shape;
      const y = [batch, ...output, k];
      if (isProduct(shape)) return tiledProduct(tile, { ...productOf(shape), m: batch * output[0] * output[1], n: k, k: c, transposeB: true }, x, weight, bias, y, dtypeOf(shape));
      return launched(shape, "forward", x, y, bias, (partial, { kernels, params, grid, options }) =>
        launch(kernels.forward, { x, w: weight, bias: bias ?? weight, y: partial, params }, grid, options));
    },

    backwardX(shape, dy, weight, bias) {
      const { batch, input, c, k } = shape;
      const dx = [batch, ...input, c];
      if (isProduct(shape)) return tiledProduct(tile, { ...productOf(shape), m: batch * input[0] * input[1], n: c, k }, dy, weight, bias, dx, dtypeOf(shape));
      return launched(shape, "backwardX", dy, dx, bias, (partial, { kernels, params, grid, options }) =>
        launch(kernels.backwardX, { dy, w: weight, bias: bias ?? weight, dx: partial, params }, grid, options));
    },

    backwardWeight(shape, x, dy) {
      const { batch, c, k, window: { output, kernel } } = shape;
      const dw = [k, ...kernel, c];
      if (isProduct(shape)) return tiledProduct(tile, { ...productOf(shape), m: k, n: c, k: batch * output[0] * output[1], transposeA: true }, dy, x, null, dw, "f32");
      return launched(shape, "backwardWeight", x, dw, null, (partial, { kernels, params, grid, options }) =>
        launch(kernels.backwardWeight, { x, dy, partial, params }, grid, options));
    },
  };
}

/** How a kernel of this file is launched. */
interface How {
  readonly kernels: typeof conv2dTiled;
  readonly grid: Grid;
  readonly options: LaunchOptions<keyof ReturnType<typeof overridesOf>>;
  readonly params: NonNullable<typeof conv2dTiled.forward.face>["params"];
}

const productOf = (shape: Convolution) => ({ batch: 1, transposeA: false, transposeB: false, sharedA: false, sharedB: false, dtype: dtypeOf(shape) });

/** A convolution that looks at single pixels, each once. */
function isProduct({ input, window: { kernel, stride, output } }: Convolution): boolean {
  return [...kernel, ...stride].every((v) => v === 1) && output[0] === input[0] && output[1] === input[1];
}

const upToFours = (n: number): number => Math.ceil(n / 4) * 4;

/** x seen as [rows, columns], with zeros up to, or cut down to, the axes `to`, whose last is the new number of columns. */
function fitted(x: Tensor, columns: number, to: readonly number[]): Tensor {
  const y = empty(x.device, to);
  const wide = to.at(-1) ?? 1;
  const params = { rows: x.size / columns, columns, to_rows: y.size / wide, to_columns: wide };
  if (params.columns === wide && params.rows === params.to_rows) return x;
  launch(fitChannels.forward, { x, y, params }, flat(fitChannels.forward, y.size));
  return y;
}

/** The same for channels in any number. */
function anyBy(tile: Tile): ConvolutionKernels {
  const kernels = inFoursBy(tile);
  const whole = (shape: Convolution) => ({ ...shape, c: upToFours(shape.c), k: upToFours(shape.k) });
  const images = (x: Tensor, channels: number) => fitted(x, x.dim(-1), [...x.shape.slice(0, -1), channels]);
  // A filter's rows, [c], are lengthened as its columns; more rows follow as zeros at the end.
  const filters = (w: Tensor, { k, c, window: { kernel } }: Convolution) => fitted(w, w.dim(-1), [k, ...kernel, c]);
  const numbers = (bias: Tensor | null, channels: number) => bias && fitted(bias, bias.size, [channels]);
  return {
    forward(shape, x, weight, bias) {
      const more = whole(shape);
      return images(kernels.forward(more, images(x, more.c), filters(weight, more), numbers(bias, more.k)), shape.k);
    },
    backwardX(shape, dy, weight, bias) {
      const more = whole(shape);
      return images(kernels.backwardX(more, images(dy, more.k), filters(weight, more), numbers(bias, more.c)), shape.c);
    },
    backwardWeight(shape, x, dy) {
      const more = whole(shape);
      return filters(kernels.backwardWeight(more, images(x, more.c), images(dy, more.k)), shape);
    },
  };
}

/** Rows and columns are packed in 16 bits each, signed. */
const largestSide = 30_000;

/** The family of one tile. Where barriers are costly nobody shall choose it, though it computes the same. */
export const tiledBy = (tile: Tile): ConvolutionFamily => ({
  name: tile.name,
  half: true,
  ...anyBy(tile),

  cost(device, shape, direction) {
    const { input, window: { output, kernel, dilation }, groups, c, k } = shape;
    const reach = Math.max(...input, ...output) + Math.max(kernel[0] * dilation[0], kernel[1] * dilation[1]);
    if (barriersAreCostly(device) || groups !== 1 || reach > largestSide || !fits(tile, device.limits)) return Infinity;
    const more = { ...shape, c: upToFours(c), k: upToFours(k) };
    const [oddInputs, oddOutputs] = [c % 4 > 0, k % 4 > 0];
    const fitted = [oddInputs, oddInputs || oddOutputs, oddOutputs].filter(Boolean).length;
    return cutOf(tile, workOf(more, direction), device.info).cost + dispatchesCost(fitted, device.info);
  },
});

export const tiled: readonly ConvolutionFamily[] = [...tiles.map(tiledBy), stem];
