// The matrix family of convolution kernels, one member a tile: f16 images and filters, subgroups that multiply matrices. See
// shaders/conv2d.matrix.wgsl.

import { maxGroups } from "@roentgen/gpu";
import { launch } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";
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
      const { stride: [down, across] } = shape.window;
      if (Math.max(...gridOf(tile, shape, direction, 1).slice(0, 2), down * across) > maxGroups) return Infinity;
      const cut = cutOf(tile, workOf(shape, direction), device.info);
      // Only the filter's gradient is summed in slices.
      return matrixShare * cut.cost * (direction === "backwardWeight" ? 1 : cut.slices);
    },

    forward(shape, x, weight, bias) {
      const y = empty(x.device, [shape.batch, ...shape.window.output, shape.k], { dtype: "f16" });
      const { kernels, options } = how(x, shape);
      launch(kernels.forward, { x, w: weight, bias: bias ?? weight, y, params: paramsOf(shape, bias !== null) }, gridOf(tile, shape, "forward", 1), options);
      return y;
    },

    backwardX(shape, dy, weight, bias) {
      const dx = empty(dy.device, [shape.batch, ...shape.input, shape.c], { dtype: "f16" });
      const { kernels, options } = how(dy, shape);
      launch(kernels.backwardX, { w: weight, bias: bias ?? weight, dy, dx, params: paramsOf(shape, bias !== null) }, gridOf(tile, shape, "backwardX", 1), options);
      return dx;
    },

    backwardWeight(shape, x, dy) {
      const { kernels, options } = how(x, shape);
      const work = workOf(shape, "backwardWeight");
      const slice = Math.ceil(work.k / cutOf(tile, work, x.device.info).slices / tile.k) * tile.k;
      const slices = Math.ceil(work.k / slice);
      return sumOfSlices(x, slices, [shape.k, ...shape.window.kernel, shape.c], (partial) =>
        launch(kernels.backwardWeight, { x, dy, partial, params: paramsOf(shape, false, slice) }, gridOf(tile, shape, "backwardWeight", slices), options));
    },
  };
}

/** Tiles down and across, and layers: phases of the stride, or slices. A filter's channels are cut tap by tap. */
function gridOf(tile: Tile, shape: Convolution, direction: Direction, slices: number): readonly [number, number, number] {
  const { c, window: { kernel: [r, s] } } = shape;
  const { m, n, layers } = workOf(shape, direction);
  if (direction === "backwardWeight") return [Math.ceil(m / tile.m), r * s * Math.ceil(c / tile.n), slices];
  return [Math.ceil(m / tile.m), Math.ceil(n / tile.n), layers];
}

function paramsOf({ batch, input, c, k, window }: Convolution, hasBias: boolean, slice = 0) {
  const { output, kernel, stride, dilation, padding: { top, left } } = window;
  return { input, output, kernel, stride, dilation, padding: [top, left], batch, c, k, has_bias: hasBias ? 1 : 0, slice };
}

export const matrix: readonly ConvolutionFamily[] = matrixTiles.map((tile) => matrixConvolutionsBy(tile));
