// Initialisers, after torch.nn.init. Filters are KRSC here: output, height, width, input.

import { makeArray, type Shape, sizeOf } from "@roentgen/core";
import type { Init } from "./parameter.ts";

const filled = (value: number): Init => (shape) => makeArray("f32", sizeOf(shape)).fill(value);

export const zeros: Init = filled(0);
export const ones: Init = filled(1);

/** Values drawn one after another; a loop, since a ResNet-50 has 25 million. */
const drawn = (shape: Shape, draw: () => number): Float32Array => {
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
};

export const normal = (sd: number, mean = 0): Init => (shape, rng) => drawn(shape, () => rng.normal(mean, sd));

export const uniform = (low: number, high: number): Init => (shape, rng) => drawn(shape, () => rng.uniform(low, high));

/** Inputs and outputs of one unit: [out, ..., in] times the size of the filter. */
const fans = (shape: Shape): { fanIn: number; fanOut: number } => {
  const [out = 1] = shape;
  const area = sizeOf(shape.slice(1, -1));
  return { fanIn: (shape.at(-1) ?? 1) * area, fanOut: out * area };
};

const reluGain = Math.SQRT2;

/** Kaiming normal, fan_out, ReLU gain: torchvision's choice for ResNet's convolutions. */
export const kaimingNormalFanOut: Init = (shape, rng) => normal(reluGain / Math.sqrt(fans(shape).fanOut))(shape, rng);

/** Kaiming uniform, fan_in, ReLU gain: the U-Net decoder's choice. */
export const kaimingUniformFanIn: Init = (shape, rng) => {
  const bound = reluGain * Math.sqrt(3 / fans(shape).fanIn);
  return uniform(-bound, bound)(shape, rng);
};

/** PyTorch's default for Linear and Conv2d weights: kaiming_uniform with a = sqrt(5), which is U(-1/sqrt(fan_in), 1/sqrt(fan_in)). */
export const torchDefault: Init = (shape, rng) => {
  const bound = 1 / Math.sqrt(fans(shape).fanIn);
  return uniform(-bound, bound)(shape, rng);
};

/** Xavier uniform. */
export const xavierUniform: Init = (shape, rng) => {
  const { fanIn, fanOut } = fans(shape);
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return uniform(-bound, bound)(shape, rng);
};
