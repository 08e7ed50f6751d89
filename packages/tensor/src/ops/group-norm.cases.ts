import { type Shape, sizeOf } from "@roentgen/core";
import { host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import type { Tensor } from "../tensor.ts";
import { groupNorm, instanceNorm, layerNorm } from "./group-norm.ts";

/** `setOf` names the statistics an element belongs to, `channelOf` its weight. */
function reference(x: Host64, weight: Host64 | undefined, bias: Host64 | undefined, eps: number, setOf: (i: number) => number, channelOf: (i: number) => number): Host64 {
  const sets = new Map<number, number[]>();
  for (const [i, v] of x.data.entries()) sets.set(setOf(i), [...(sets.get(setOf(i)) ?? []), v]);
  const moments = new Map([...sets].map(([set, values]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return [set, { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length }];
  }));
  return host64(x.shape, x.data.map((v, i) => {
    const { mean, variance } = moments.get(setOf(i)) ?? { mean: NaN, variance: NaN };
    return ((v - mean) / Math.sqrt(variance + eps)) * (weight?.data[channelOf(i)] ?? 1) + (bias?.data[channelOf(i)] ?? 0);
  }));
}

const tolerance = tolerances.normalisation;
const positive = [0.5, 1.5] as const;

export const groupNormCase = (shape: Shape, groups: number, { eps = 1e-5, seed = 0, range = [-1, 1] as readonly [number, number] } = {}): OpCase => {
  const channels = shape.at(-1) ?? 1;
  const pixels = sizeOf(shape) / channels / (shape[0] ?? 1);
  return {
    name: `groupNorm [${shape}] in ${groups}`,
    inputs: [{ shape, range }, { shape: [channels], range: positive }, { shape: [channels] }],
    seed,
    tolerance,
    sharedGradients: true,
    run: (x, weight, bias) => groupNorm(x as Tensor, weight as Tensor, bias as Tensor, { groups, eps }),
    reference: (x, weight, bias) =>
      reference(x as Host64, weight, bias, eps, (i) => Math.floor(i / channels / pixels) * groups + Math.floor((i % channels) / (channels / groups)), (i) => i % channels),
  };
};

export const layerNormCase = (shape: Shape, axes: number, { eps = 1e-5, seed = 0 } = {}): OpCase => {
  const normal = shape.slice(-axes);
  const size = sizeOf(normal);
  return {
    name: `layerNorm [${shape}] over ${axes}`,
    inputs: [{ shape }, { shape: normal, range: positive }, { shape: normal }],
    seed,
    tolerance,
    sharedGradients: true,
    run: (x, weight, bias) => layerNorm(x as Tensor, weight as Tensor, bias as Tensor, { axes: Array.from({ length: axes }, (_, i) => -1 - i), eps }),
    reference: (x, weight, bias) => reference(x as Host64, weight, bias, eps, (i) => Math.floor(i / size), (i) => i % size),
  };
};

export const instanceNormCase = (shape: Shape, affine: boolean, { eps = 1e-5, seed = 0 } = {}): OpCase => {
  const channels = shape.at(-1) ?? 1;
  const pixels = sizeOf(shape) / channels / (shape[0] ?? 1);
  return {
    name: `instanceNorm [${shape}]${affine ? " affine" : ""}`,
    inputs: [{ shape }, ...(affine ? [{ shape: [channels], range: positive }, { shape: [channels] }] : [])],
    seed,
    tolerance,
    sharedGradients: true,
    run: (x, weight, bias) => instanceNorm(x as Tensor, weight ?? null, bias ?? null, { eps }),
    reference: (x, weight, bias) => reference(x as Host64, weight, bias, eps, (i) => Math.floor(i / channels / pixels) * channels + (i % channels), (i) => i % channels),
  };
};

export const cases: readonly OpCase[] = [
  groupNormCase([2, 3, 5, 12], 4),
  groupNormCase([2, 13, 11, 6], 2),
  groupNormCase([3, 8], 2, { eps: 0.01 }),
  groupNormCase([1, 9, 7, 8], 4, { range: [99, 101] }),
  layerNormCase([5, 33], 1),
  layerNormCase([2, 3, 7], 2),
  layerNormCase([2, 700], 1),
  instanceNormCase([2, 5, 7, 3], false),
  instanceNormCase([2, 19, 17, 3], true),
];
