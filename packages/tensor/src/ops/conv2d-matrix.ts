// The matrix family of convolution kernels, one member a tile: f16 images and filters, subgroups that multiply matrices. See
// shaders/conv2d.matrix.wgsl.

import { maxGroups } from "@roentgen/gpu";
import { launch } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { workOf } from "./conv2d-tiled.ts";
import { type Convolution, type ConvolutionFamily, costsOf, type Direction, dtypeOf } from "./convolution.ts";
import { matrixFits, matrixOverrides, matrixShare, matrixTiles, type MatrixUnit, unitOf } from "./matrix-units.ts";
import { inSlices, sumOfSlices } from "./sum-slices.ts";
import { cutOf, type Tile } from "./tiling.ts";

/** The family of one tile, with the device's matrices or those given. */
export function matrixConvolutionsBy(tile: Tile, given?: MatrixUnit): ConvolutionFamily {
  const how = ({ device: { info } }: Tensor, shape: Convolution, direction: Direction) => {
    const unit = given ?? unitOf(info);
    if (!unit) throw new Error("internal: a device without subgroup matrices was given a convolution to compute with them.");
    return { kernels: unit.convolution, options: { overrides: matrixOverrides(tile, unit, info), ...costsOf(shape, direction) } };
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
      const { kernels, options } = how(x, shape, "forward");
      const { slice, slices } = slicesOf(tile, shape, "forward", x);
      const [grid, params, y] = [gridOf(tile, shape, "forward", slices), paramsOf(shape, bias !== null, slice), [shape.batch, ...shape.window.output, shape.k]];
      const given = { x, w: weight, bias: bias ?? weight, params };
      return inSlices(x, slices, y, "f16", (to) => (slices === 1 ? launch(kernels.forward, { ...given, y: to }, grid, options) : launch(kernels.forwardSlices, { ...given, partial: to }, grid, options)));
    },

    backwardX(shape, dy, weight, bias) {
      const { kernels, options } = how(dy, shape, "backwardX");
      const { slice, slices } = slicesOf(tile, shape, "backwardX", dy);
      const [grid, params, dx] = [gridOf(tile, shape, "backwardX", slices), paramsOf(shape, bias !== null, slice), [shape.batch, ...shape.input, shape.c]];
      const given = { w: weight, bias: bias ?? weight, dy, params };
      return inSlices(dy, slices, dx, "f16", (to) => (slices === 1 ? launch(kernels.backwardX, { ...given, dx: to }, grid, options) : launch(kernels.backwardXSlices, { ...given, partial: to }, grid, options)));
    },

    backwardWeight(shape, x, dy) {
      const { kernels, options } = how(x, shape, "backwardWeight");
      const { slice, slices } = slicesOf(tile, shape, "backwardWeight", x);
      return sumOfSlices(x, slices, [shape.k, ...shape.window.kernel, shape.c], (partial) =>
        launch(kernels.backwardWeight, { x, dy, partial, params: paramsOf(shape, false, slice) }, gridOf(tile, shape, "backwardWeight", slices), options));
    },
  };
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
