import type { Shape } from "@roentgen/core";
import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { upsample, type UpsampleOptions } from "./upsample.ts";

/** What output p of an axis takes: pairs of input and weight. Nearest rounds in f32, as PyTorch does. */
function taps(p: number, input: number, output: number, factor: number | undefined, { mode = "nearest", alignCorners = false }: UpsampleOptions): [number, number][] {
  const scale = factor === undefined ? input / output : 1 / factor;
  if (mode === "nearest") return [[Math.min(Math.floor(Math.fround(p * Math.fround(scale))), input - 1), 1]];
  const at = alignCorners ? (output > 1 ? (p * (input - 1)) / (output - 1) : 0) : Math.max((p + 0.5) * scale - 0.5, 0);
  const low = Math.min(Math.floor(at), input - 1);
  return [[low, 1 - (at - low)], [Math.min(low + 1, input - 1), at - low]];
}

function reference(x: Host64, options: UpsampleOptions): Host64 {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const { scale, size } = options;
  const factors = typeof scale === "object" ? scale : ([scale, scale] as const);
  const [rows = 0, columns = 0] = [height, width].map((n, axis) => (factors[axis] === undefined ? (typeof size === "object" ? size[axis] : size) : Math.floor(n * (factors[axis] ?? 1))));
  const y = host64([images, rows, columns, channels]);
  for (let i = 0; i < y.data.length; i++) {
    const [c, q, p, n] = [i % channels, Math.floor(i / channels) % columns, Math.floor(i / channels / columns) % rows, Math.floor(i / channels / columns / rows)];
    let sum = 0;
    for (const [h, down] of taps(p, height, rows, factors[0], options)) {
      for (const [w, across] of taps(q, width, columns, factors[1], options)) sum += down * across * (x.data[((n * height + h) * width + w) * channels + c] ?? NaN);
    }
    y.data[i] = sum;
  }
  return y;
}

export const upsampleCase = (shape: Shape, options: UpsampleOptions, seed = 0): OpCase => ({
  name: `upsample [${shape}] ${JSON.stringify(options).replace(/"/g, "")}`,
  inputs: [{ shape }],
  seed,
  tolerance: options.mode === "bilinear" ? tolerances.reduction : 0,
  gradientTolerance: tolerances.reduction,
  run: (x) => upsample(x, options),
  reference: (x) => reference(x, options),
});

const floats: readonly OpCase[] = [
  upsampleCase([2, 3, 4, 8], { scale: 2 }),
  upsampleCase([2, 3, 4, 5], { scale: [2, 3] }),
  upsampleCase([1, 5, 7, 4], { size: [13, 9] }),
  upsampleCase([1, 5, 7, 4], { scale: 1.5 }),
  upsampleCase([1, 8, 9, 4], { size: [3, 4] }),
  upsampleCase([2, 3, 4, 8], { scale: 2, mode: "bilinear" }),
  upsampleCase([2, 3, 4, 8], { scale: 2, mode: "bilinear", alignCorners: true }),
  upsampleCase([1, 5, 7, 3], { scale: [1.7, 2.3], mode: "bilinear" }),
  upsampleCase([1, 5, 7, 4], { size: [13, 9], mode: "bilinear", alignCorners: true }),
  upsampleCase([1, 12, 13, 3], { size: [4, 1], mode: "bilinear" }),
  upsampleCase([1, 12, 13, 4], { size: [4, 1], mode: "bilinear", alignCorners: true }),
  upsampleCase([1, 2, 41, 4], { size: [3, 75] }),
  upsampleCase([1, 2, 41, 3], { size: [3, 75], mode: "bilinear" }),
  upsampleCase([1, 1, 1, 4], { size: [5, 3], mode: "bilinear", alignCorners: true }),
];

export const cases: readonly OpCase[] = [...floats, ...floats.filter(({ inputs }) => (inputs[0]?.shape.at(-1) ?? 1) % 4 === 0).map((test) => halved(test))];
