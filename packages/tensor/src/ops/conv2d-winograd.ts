// The Winograd families of convolution kernels: 3x3 filters at stride 1, 2x2 results at a time. Images and filters are transformed, their
// convolution then is a batch of matrix products, whose results are transformed back. See shaders/conv2d.winograd.wgsl.
//
// They are as exact as direct kernels, which add up longer sums: over normal inputs the root mean square of the error is 0.55 to 1.1 times
// theirs forward and backward, up to 1.5 times for gradients of filters. By 4x4 results it would be two to five times, so no family
// computes those: bench/NOTES.md.

import { maxGroups } from "@roentgen/gpu";
import { conv2dWinograd as anywhere, conv2dWinogradLanes as byLanes } from "@roentgen/kernels";
import type { Hardware } from "../choice.ts";
import { groups, launch } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";
import type { Convolution, ConvolutionFamily, Direction } from "./convolution.ts";
import { bestProduct, productTask } from "./matmul-families.ts";
import { flopsOfProduct, type Product } from "./product.ts";

/** Of a transformed tile, 4x4: each is a matrix product of its own. */
const entries = 16;

/** One direction as the kernels see it. backwardX is forward over dy: it reads the k channels of the convolution and writes its c. */
interface Problem {
  readonly direction: Direction;
  readonly batch: number;
  /** Of the image that is read, and how far the first tile begins outside of it. */
  readonly size: readonly [number, number];
  readonly padding: readonly [number, number];
  /** Of the image that is written; for a filter's gradient, of dy. */
  readonly result: readonly [number, number];
  readonly c: number;
  readonly k: number;
  readonly tiles: readonly [number, number];
  /** Tiles of all images. */
  readonly rows: number;
}

function problemOf({ batch, input, c, k, window: { output, padding: { top, left } } }: Convolution, direction: Direction): Problem {
  const back = direction === "backwardX";
  const result = back ? input : output;
  const tiles = [Math.ceil(result[0] / 2), Math.ceil(result[1] / 2)] as const;
  const image = back ? ({ size: output, padding: [2 - top, 2 - left], c: k, k: c } as const) : ({ size: input, padding: [top, left], c, k } as const);
  return { direction, batch, result, tiles, rows: batch * tiles[0] * tiles[1], ...image };
}

function productOf({ direction, rows, c, k }: Problem): Product {
  const own = { batch: entries, sharedA: false, sharedB: false };
  if (direction === "backwardWeight") return { ...own, m: k, n: c, k: rows, transposeA: true, transposeB: false };
  return { ...own, m: rows, n: k, k: c, transposeA: false, transposeB: direction === "forward" };
}

const paramsOf = ({ direction, size, result, tiles, padding, batch, c, k }: Problem) =>
  ({ size, result, tiles, padding, batch, c, k, flip: direction === "backwardX" ? 1 : 0, has_bias: 0, slices: 1 });

const lanesParamsOf = ({ result, tiles, batch, c, k }: Problem) => ({ size: result, tiles, batch, c, k, has_bias: 0, slice });

/** Columns and rows of results that a workgroup of lanes computes. */
const lanesTile = 32;

/** Tiles that one sum of lanes runs over in the gradient of a filter: it then rounds about as a direct one does. */
const slice = 256;

/** Forward and backwardX. */
function image(problem: Problem, lanes: boolean, x: Tensor, w: Tensor, bias: Tensor | null): Tensor {
  const { direction, batch, result, rows, c, k } = problem;
  const v = empty(x.device, [entries, rows, c]);
  const u = empty(x.device, [entries, w.dim(0), w.dim(3)]);
  launch(anywhere.inputs, { x, w, v, u, params: paramsOf(problem) }, groups(anywhere.inputs, Math.max(v.size, u.size) / entries / 4));
  const product = productOf(problem);
  const y = empty(x.device, [batch, ...result, k]);
  const has_bias = bias ? 1 : 0;
  if (lanes) {
    const kernel = direction === "forward" ? byLanes.forward : byLanes.backwardX;
    const grid = [Math.ceil(rows / lanesTile), Math.ceil(k / lanesTile), 1] as const;
    launch(kernel, { v, u, bias: bias ?? u, y, params: { ...lanesParamsOf(problem), has_bias } }, grid, { flops: flopsOfProduct(product) });
  } else {
    const m = bestProduct(product, v, u, [entries, rows, k]);
    launch(anywhere.result, { m, bias: bias ?? m, y, params: { ...paramsOf(problem), has_bias } }, groups(anywhere.result, (rows * k) / 4));
  }
  return y;
}

function weightGradient(problem: Problem, lanes: boolean, x: Tensor, dy: Tensor): Tensor {
  const { rows, c, k } = problem;
  const v = empty(x.device, [entries, rows, c]);
  const e = empty(x.device, [entries, rows, k]);
  launch(anywhere.gradients, { x, dy, v, e, params: paramsOf(problem) }, groups(anywhere.gradients, (rows * Math.max(c, k)) / 4));
  const product = productOf(problem);
  const slices = lanes ? Math.ceil(rows / slice) : 1;
  const m = lanes ? empty(x.device, [slices, entries, k, c]) : bestProduct(product, e, v, [entries, k, c]);
  if (lanes) {
    const grid = [Math.ceil(k / lanesTile), Math.ceil(c / lanesTile), slices * entries] as const;
    launch(byLanes.backwardWeight, { e, v, partial: m, params: lanesParamsOf(problem) }, grid, { flops: flopsOfProduct(product) });
  }
  const dw = empty(x.device, [k, 3, 3, c]);
  launch(anywhere.weightGradient, { m, dw, params: { ...paramsOf(problem), slices } }, groups(anywhere.weightGradient, (k * c) / 4));
  return dw;
}

/** Whether the kernels know the window, and their buffers and grids are within what a device allows. */
function fits({ info, limits }: Hardware, { groups: count, c, k, window: { kernel, stride, dilation } }: Convolution, { rows }: Problem, lanes: boolean): boolean {
  const window = [...kernel, ...stride, ...dilation].join() === "3,3,1,1,1,1" && count === 1 && c % 4 === 0 && k % 4 === 0;
  const floats = entries * Math.max(rows * Math.max(c, k), c * k * (lanes ? Math.ceil(rows / slice) : 1));
  const grid = Math.max(Math.ceil(rows / slice) * entries, rows / lanesTile);
  return window && 4 * floats <= (limits?.maxStorageBufferBindingSize ?? 2 ** 27) &&
    (lanes ? grid <= maxGroups && info.subgroupSize === 8 && info.features.includes("subgroups") : !info.software);
}

/**
 * Predicted time. By lanes from what each part took on lavapipe, run alone, where an operation of the direct lanes kernels costs 4; and a
 * third more, because in a whole step colder caches and more dispatches take most of a smaller gain away (bench/NOTES.md). On GPUs
 * nothing has been measured: three times what the products and the traffic of the transforms should take, and so it is left to the tuner.
 */
function predicted(device: Hardware, problem: Problem, lanes: boolean): number {
  const { direction, rows, c, k } = problem;
  const product = productOf(problem);
  // vectors of four floats that the transforms read and write
  const images = (rows * 2 * entries * c) / 4;
  const results = (rows * 4 * k) / 4;
  const products = (rows * entries * k) / 4;
  const filters = ((9 + entries) * c * k) / 4;
  if (!lanes) {
    const { families, cost } = productTask(device, product);
    return 3 * (Math.min(...families.map(cost)) + 300 * (images + results + 2 * products + filters));
  }
  const upToTile = (n: number) => Math.ceil(n / lanesTile) * lanesTile;
  const tiles = 4 * flopsOfProduct({ ...product, m: upToTile(product.m), n: upToTile(product.n) });
  if (direction !== "backwardWeight") return (4 / 3) * (1.25 * tiles + 600 * (images + results) + 700 * filters);
  const partial = (Math.ceil(rows / slice) * entries * c * k) / 4;
  return (4 / 3) * 0.93 * (tiles + 440 * partial + 600 * (images + results + products) + 700 * filters);
}

function family(name: string, lanes: boolean): ConvolutionFamily {
  return {
    name,
    cost(device, shape, direction) {
      const problem = problemOf(shape, direction);
      return fits(device, shape, problem, lanes) ? predicted(device, problem, lanes) : Infinity;
    },
    forward: (shape, ...rest) => image(problemOf(shape, "forward"), lanes, ...rest),
    backwardX: (shape, ...rest) => image(problemOf(shape, "backwardX"), lanes, ...rest),
    backwardWeight: (shape, ...rest) => weightGradient(problemOf(shape, "backwardWeight"), lanes, ...rest),
  };
}

/** On GPUs, with the products of whichever family of matrix products is best. */
export const winograd: ConvolutionFamily = family("winograd", false);

/** On subgroups of eight lanes. */
export const winogradLanes: ConvolutionFamily = family("winograd-lanes", true);
