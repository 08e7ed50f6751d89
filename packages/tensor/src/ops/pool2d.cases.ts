import { Rng, type Shape, sizeOf } from "@roentgen/core";
import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { type AvgPoolOptions, avgPool2d, globalAvgPool, maxPool2d, type PoolOptions } from "./pool2d.ts";
import { windowOf } from "./window.ts";

/** Calls `result` with what each window sees, taps outside the image left out, in window order. */
function windows(x: Host64, { kernel, stride = kernel, padding = 0 }: PoolOptions, result: (seen: number[]) => number): Host64 {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const window = windowOf("reference", [height, width], typeof kernel === "number" ? [kernel, kernel] : kernel, { stride, padding });
  const [rows, columns] = window.output;
  const y = host64([images, rows, columns, channels]);
  for (let i = 0; i < y.data.length; i++) {
    const [c, q, p, n] = [i % channels, Math.floor(i / channels) % columns, Math.floor(i / channels / columns) % rows, Math.floor(i / channels / columns / rows)];
    const seen: number[] = [];
    for (let r = 0; r < window.kernel[0]; r++) {
      for (let s = 0; s < window.kernel[1]; s++) {
        const [h, w] = [p * window.stride[0] - window.padding.top + r, q * window.stride[1] - window.padding.left + s];
        if (h >= 0 && h < height && w >= 0 && w < width) seen.push(x.data[((n * height + h) * width + w) * channels + c] ?? NaN);
      }
    }
    y.data[i] = result(seen);
  }
  return y;
}

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Distinct values, a thousandth and more apart: where two are equal, differences mean nothing. */
function distinct(shape: Shape, seed: number): number[] {
  const rng = Rng.for(seed, `pool ${shape}`);
  return rng.shuffle(Array.from({ length: sizeOf(shape) }, (_, i) => i)).map((v) => v / Math.max(50, sizeOf(shape) / 10));
}

const describe = (shape: Shape, options: PoolOptions) => `[${shape}] ${JSON.stringify(options).replace(/"/g, "")}`;

export const maxPoolCase = (shape: Shape, options: PoolOptions, seed = 0): OpCase => ({
  name: `maxPool2d ${describe(shape, options)}`,
  inputs: [{ shape, values: distinct(shape, seed) }],
  run: (x) => maxPool2d(x, options),
  reference: (x) => windows(x, options, (seen) => Math.max(...seen)),
});

export const avgPoolCase = (shape: Shape, options: AvgPoolOptions, seed = 0): OpCase => ({
  name: `avgPool2d ${describe(shape, options)}`,
  inputs: [{ shape }],
  seed,
  run: (x) => avgPool2d(x, options),
  reference: (x) => {
    const area = typeof options.kernel === "number" ? options.kernel ** 2 : options.kernel[0] * options.kernel[1];
    return windows(x, options, (seen) => total(seen) / (options.countIncludePad ?? true ? area : seen.length));
  },
});

export const globalAvgPoolCase = (shape: Shape, seed = 0): OpCase => {
  const [images, height, width, channels] = shape as [number, number, number, number];
  return {
    name: `globalAvgPool [${shape}]`,
    inputs: [{ shape }],
    seed,
    tolerance: tolerances.reduction,
    run: (x) => globalAvgPool(x),
    reference: (x) => ({ ...windows(x, { kernel: [height, width] }, (seen) => total(seen) / seen.length), shape: [images, channels] }),
  };
};

const floats: readonly OpCase[] = [
  maxPoolCase([2, 8, 8, 8], { kernel: 3, stride: 2, padding: 1 }),
  maxPoolCase([2, 7, 9, 5], { kernel: 3, stride: 2, padding: 1 }),
  maxPoolCase([1, 6, 6, 4], { kernel: 2 }),
  maxPoolCase([1, 9, 7, 4], { kernel: [3, 2], stride: [1, 3] }),
  maxPoolCase([1, 8, 8, 4], { kernel: 3, stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } }),
  maxPoolCase([1, 11, 11, 3], { kernel: 2, stride: 4 }),
  maxPoolCase([1, 4, 75, 4], { kernel: 3, stride: 2, padding: 1 }),
  avgPoolCase([2, 8, 8, 8], { kernel: 2 }),
  avgPoolCase([1, 3, 71, 3], { kernel: 3, stride: 1, padding: 1 }),
  avgPoolCase([2, 7, 9, 5], { kernel: 3, stride: 2, padding: 1 }),
  avgPoolCase([2, 7, 9, 4], { kernel: 3, stride: 1, padding: 1, countIncludePad: false }),
  avgPoolCase([1, 5, 6, 3], { kernel: [3, 2], stride: [2, 1], padding: { top: 2, bottom: 0, left: 0, right: 1 }, countIncludePad: false }),
  globalAvgPoolCase([4, 2, 2, 64]),
  globalAvgPoolCase([3, 5, 7, 3]),
  globalAvgPoolCase([1, 2, 77, 4]),
];

export const cases: readonly OpCase[] = [...floats, ...floats.filter(({ inputs }) => (inputs[0]?.shape.at(-1) ?? 1) % 4 === 0).map((test) => halved(test))];
