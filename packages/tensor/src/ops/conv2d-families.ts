// Which kernels compute a convolution: each direction of each shape is a task of its own.

import type { Device } from "@roentgen/gpu";
import { choose, type Hardware, type Task } from "../choice.ts";
import { spec } from "../record.ts";
import { lanes, lanesImages } from "./conv2d-lanes.ts";
import { matrix } from "./conv2d-matrix.ts";
import { plain } from "./conv2d-plain.ts";
import { rows } from "./conv2d-rows.ts";
import { tiled } from "./conv2d-tiled.ts";
import { winograd, winogradLanes } from "./conv2d-winograd.ts";
import { type Convolution, type ConvolutionFamily, type ConvolutionKernels, type Direction, dtypeOf } from "./convolution.ts";

/** All there are. Another one is a line here. */
export const families: readonly ConvolutionFamily[] = [lanes, lanesImages, rows, plain, ...tiled, ...matrix, winograd, winogradLanes];

/** One direction of a convolution, for every family that can compute it. */
export function convolutionTask(device: Hardware, shape: Convolution, direction: Direction): Task<ConvolutionFamily> {
  const { batch, input, c, k, groups, window: { kernel, stride, dilation, padding: { top, bottom, left, right }, output } } = shape;
  const dtype = dtypeOf(shape);
  const x = spec(dtype, [batch, ...input, c]);
  const weight = spec(dtype, [k, ...kernel, c / groups]);
  const dy = spec(dtype, [batch, ...output, k]);
  return {
    key: `conv2d.${direction} ${dtype} x ${x.shape.join("x")} weight ${weight.shape.join("x")} stride ${stride} dilation ${dilation} padding ${[top, bottom, left, right]} groups ${groups}`,
    families,
    cost: (family) => (dtype === "f32" || family.half ? family.cost(device, shape, direction) : Infinity),
    inputs: { forward: [x, weight], backwardX: [dy, weight], backwardWeight: [x, dy] }[direction],
    compute: (family, a, b) => {
      if (!a || !b) throw new Error("internal: a convolution's task has two inputs.");
      return direction === "backwardWeight" ? family.backwardWeight(shape, a, b) : family[direction](shape, a, b, null);
    },
  };
}

const best = (device: Device, shape: Convolution, direction: Direction): ConvolutionKernels => choose(device, convolutionTask(device, shape, direction));

/** The kernels for each direction of a convolution, as the tensors' device wants them. */
export const bestKernels: ConvolutionKernels = {
  forward: (shape, x, ...rest) => best(x.device, shape, "forward").forward(shape, x, ...rest),
  backwardX: (shape, dy, ...rest) => best(dy.device, shape, "backwardX").backwardX(shape, dy, ...rest),
  backwardWeight: (shape, x, dy) => best(x.device, shape, "backwardWeight").backwardWeight(shape, x, dy),
};
