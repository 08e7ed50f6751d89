import { ShapeError } from "@roentgen/core";
import { pool2d as f32, pool2dHalf as half, pool2dPacked as packed, pool2dScalar as scalars } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import { empty, emptyLike, type FloatDType, type Tensor } from "../tensor.ts";
import { runsOf } from "./runs.ts";
import { type Padding, type Window, windowOf } from "./window.ts";

export interface PoolOptions {
  readonly kernel: number | readonly [number, number];
  /** Default: the kernel. */
  readonly stride?: number | readonly [number, number];
  /** Less than the kernel on every side. */
  readonly padding?: Padding;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Divide by the window's size (the default), or only by what of it lies in the image. */
  readonly countIncludePad?: boolean;
}

/**
 * The largest value of each window; padding is minus infinity. The gradient goes to the first maximum in window order.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html (no dilation, ceil_mode off)
 *
 * @param x  f32[N, H, W, C], or f16 with C in fours
 * @returns  [N, P, Q, C] of the dtype of x
 * @throws ShapeError if x is no image or the window does not fit
 */
export const maxPool2d = op("maxPool2d", (x: Tensor, options: PoolOptions) => {
  const { k, y, forward, backward, flops } = pooling("maxPool2d", x, options);
  const places = empty(x.device, y.shape, { dtype: "u32", label: "places" });
  launch(k.maxForward, { x, y, places, params: forward }, groups(k.maxForward, forward.n), { flops });
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      launch(k.maxBackward, { dy, maxima: places, dx, params: backward }, groups(k.maxBackward, backward.n), { flops });
      return dx;
    },
  ]];
});

/**
 * The mean of each window; padding is zero.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html (ceil_mode off)
 *
 * @param x  f32[N, H, W, C], or f16 with C in fours
 * @returns  [N, P, Q, C] of the dtype of x
 * @throws ShapeError if x is no image or the window does not fit
 */
export const avgPool2d = op("avgPool2d", (x: Tensor, options: AvgPoolOptions) => {
  const { k, y, forward, backward, flops } = pooling("avgPool2d", x, options);
  const overrides = { COUNT_PADDING: Number(options.countIncludePad ?? true) };
  launch(k.meanForward, { x, y, params: forward }, groups(k.meanForward, forward.n), { overrides, flops });
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      launch(k.meanBackward, { dy, dx, params: backward }, groups(k.meanBackward, backward.n), { overrides, flops });
      return dx;
    },
  ]];
});

/**
 * The mean of each channel of each image.
 *
 * @param x  f32[N, H, W, C], or f16 with C in fours
 * @returns  f32[N, C]
 * @throws ShapeError if x is no image
 */
export const globalAvgPool = op("globalAvgPool", (x: Tensor) => {
  const [images, height, width, channels] = imageShape("globalAvgPool", x);
  const { k, forward, backward } = sizes(x, { kernel: [height, width], stride: [1, 1], dilation: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 }, output: [1, 1] });
  const y = empty(x.device, [images, channels]);
  launch(k.globalForward, { x, means: y, params: forward }, groups(k.globalForward, forward.n), { flops: x.size });
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      launch(k.globalBackward, { dmeans: dy, dx, params: backward }, groups(k.globalBackward, backward.n), { flops: x.size });
      return dx;
    },
  ]];
});

function pooling(name: string, x: Tensor, { kernel, stride = kernel, padding = 0 }: PoolOptions) {
  const [images, height, width, channels] = imageShape(name, x);
  const window = windowOf(name, [height, width], typeof kernel === "number" ? [kernel, kernel] : kernel, { stride, padding });
  const { top, bottom, left, right } = window.padding;
  if (Math.max(top, bottom) >= window.kernel[0] || Math.max(left, right) >= window.kernel[1]) {
    throw new ShapeError(`${name}: padding must be less than the kernel, or windows would see nothing but padding. Padding is ${top}, ${bottom}, ${left}, ${right} (top, bottom, left, right), kernel ${window.kernel.join("x")}.`);
  }
  const y = empty(x.device, [images, ...window.output, channels], { dtype: x.dtype });
  // A comparison or an addition for each value of each window, in both directions.
  return { ...sizes(x, window), y, flops: y.size * window.kernel[0] * window.kernel[1] };
}

/** The kernels for this number of channels, and parameters of threads that make outputs, or inputs' gradients. */
function sizes(x: Tensor, { kernel, stride, padding, output }: Window) {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const k = channels % 4 ? scalars : twinFor(x.device, x.dtype as FloatDType, { f32, half, packed });
  const columns = channels % 4 ? channels : channels / 4;
  const common = { columns, input: [height, width], output, kernel, stride, padding: [padding.top, padding.left] };
  const of = (rows: number, pixels: number) => {
    const { per_thread, runs } = runsOf(pixels, x.device.info.software);
    return { ...common, per_thread, runs, n: images * rows * runs * columns };
  };
  return { k, forward: of(output[0], output[1]), backward: of(height, width) };
}

function imageShape(name: string, x: Tensor): [number, number, number, number] {
  if (x.shape.length !== 4 || (x.dtype !== "f32" && x.dtype !== "f16") || x.size === 0) throw new ShapeError(`${name}: x expects images, f32 or f16[N,H,W,C], got ${x}.`);
  floatDType(name, "x", x);
  return x.shape as [number, number, number, number];
}
