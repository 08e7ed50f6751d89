// The matrix family of convolution kernels, one member a tile: f16 images and filters, subgroups that multiply matrices. See
// shaders/conv2d.matrix.wgsl.

import { maxGroups } from "@roentgen/gpu";
import { launch } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";
import { stored } from "./cast.ts";
import { workOf } from "./conv2d-tiled.ts";
import { type Convolution, type ConvolutionFamily, type Direction, dtypeOf, flopsOf } from "./convolution.ts";
import { matrixFits, matrixOverrides, matrixShare, matrixTiles, type MatrixUnit, unitOf } from "./matrix-units.ts";
import { sumOfSlices } from "./sum-slices.ts";
import { cutOf, type Tile } from "./tiling.ts";

/** The family of one tile, with the device's matrices or those given. */
export function matrixConvolutionsBy(tile: Tile, given?: MatrixUnit): ConvolutionFamily {
  const how = ({ device: { info } }: Tensor, shape: Convolution) => {
    const unit = given ?? unitOf(info);
    if (!unit) throw new Error("internal: a device without subgroup matrices was given a convolution to compute with them.");
    return { kernels: unit.convolution, options: { overrides: matrixOverrides(tile, unit, info), flops: flopsOf(shape) } };
  };
  return {
    name: tile.name,
    half: true,

    cost(device, shape, direction) {
      const unit = given ?? unitOf(device.info);
      const inFours = shape.c % 4 === 0 && shape.k % 4 === 0;
      if (!unit || dtypeOf(shape) !== "f16" || shape.groups !== 1 || !inFours || !matrixFits(tile, unit, device)) return Infinity;
      const cut = cutOf(tile, workOf(shape, direction), device.info);
      if (Math.max(...gridOf(tile, shape, direction, cut.slices)) > maxGroups) return Infinity;
      return matrixShare * cut.cost;
    },

    forward(shape, x, weight, bias) {
      const { kernels, options } = how(x, shape);
      const { slice, slices } = slicesOf(tile, shape, "forward", x);
      const [grid, params, y] = [gridOf(tile, shape, "forward", slices), paramsOf(shape, bias !== null, slice), [shape.batch, ...shape.window.output, shape.k]];
      return inSlices(x, slices, y, (whole) => launch(kernels.forward, { x, w: weight, bias: bias ?? weight, y: whole, params }, grid, options),
        (partial) => launch(kernels.forwardSlices, { x, w: weight, bias: bias ?? weight, partial, params }, grid, options));
    },

    backwardX(shape, dy, weight, bias) {
      const { kernels, options } = how(dy, shape);
      const { slice, slices } = slicesOf(tile, shape, "backwardX", dy);
      const [grid, params, dx] = [gridOf(tile, shape, "backwardX", slices), paramsOf(shape, bias !== null, slice), [shape.batch, ...shape.input, shape.c]];
      return inSlices(dy, slices, dx, (whole) => launch(kernels.backwardX, { w: weight, bias: bias ?? weight, dy, dx: whole, params }, grid, options),
        (partial) => launch(kernels.backwardXSlices, { w: weight, bias: bias ?? weight, dy, partial, params }, grid, options));
    },

    backwardWeight(shape, x, dy) {
      const { kernels, options } = how(x, shape);
      const { slice, slices } = slicesOf(tile, shape, "backwardWeight", x);
      return sumOfSlices(x, slices, [shape.k, ...shape.window.kernel, shape.c], (partial) =>
        launch(kernels.backwardWeight, { x, dy, partial, params: paramsOf(shape, false, slice) }, gridOf(tile, shape, "backwardWeight", slices), options));
    },
  };
}

/** f16 that is written whole, or as slices of f32 that are added up. */
function inSlices(like: Tensor, slices: number, shape: readonly number[], whole: (y: Tensor) => void, parts: (partial: Tensor) => void): Tensor {
  if (slices > 1) return stored(sumOfSlices(like, slices, shape, parts), "f16");
  const y = empty(like.device, shape, { dtype: "f16" });
  whole(y);
  return y;
}

/** How the sum is cut: into steps of 32 channels of a tap, or into output pixels. */
function slicesOf(tile: Tile, shape: Convolution, direction: Direction, { device: { info } }: Tensor): { slice: number; slices: number } {
  const { c, k, window: { kernel: [r, s] } } = shape;
  const work = workOf(shape, direction);
  const wanted = cutOf(tile, work, info).slices;
  if (direction === "backwardWeight") {
    const slice = Math.ceil(work.k / wanted / tile.k) * tile.k;
    return { slice, slices: Math.ceil(work.k / slice) };
  }
  const steps = r * s * Math.ceil((direction === "forward" ? c : k) / tile.k);
  const slice = Math.ceil(steps / wanted);
  return { slice, slices: Math.ceil(steps / slice) };
}

/** Tiles down and across, and layers: phases of the stride, or slices. A filter's channels are cut tap by tap. */
function gridOf(tile: Tile, shape: Convolution, direction: Direction, slices: number): readonly [number, number, number] {
  const { c, window: { kernel: [r, s] } } = shape;
  const { m, n, layers } = workOf(shape, direction);
  if (direction === "backwardWeight") return [Math.ceil(m / tile.m), r * s * Math.ceil(c / tile.n), slices];
  return [Math.ceil(m / tile.m), Math.ceil(n / tile.n), layers * slices];
}

function paramsOf({ batch, input, c, k, window }: Convolution, hasBias: boolean, slice: number) {
  const { output, kernel, stride, dilation, padding: { top, left } } = window;
  return { input, output, kernel, stride, dilation, padding: [top, left], batch, c, k, has_bias: hasBias ? 1 : 0, slice };
}

export const matrix: readonly ConvolutionFamily[] = matrixTiles.map((tile) => matrixConvolutionsBy(tile));
