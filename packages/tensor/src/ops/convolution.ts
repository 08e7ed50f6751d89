// What every kernel of a convolution has to know, and what every family of such kernels offers. A transposed convolution and a
// linear layer are convolutions looked at from the other side, or of one pixel each.

import { ShapeError } from "@roentgen/core";
import type { Hardware } from "../choice.ts";
import type { FloatDType, Tensor } from "../tensor.ts";
import type { Window } from "./window.ts";

/** A convolution of `batch` images [h, w, c] with k filters [r, s, c / groups]. */
export interface Convolution {
  readonly batch: number;
  /** [h, w] */
  readonly input: readonly [number, number];
  readonly c: number;
  readonly k: number;
  readonly groups: number;
  /** Its `output` is [p, q], its `kernel` [r, s]. */
  readonly window: Window;
  /**
   * How images and filters are stored; default f32. All arithmetic and sums are f32, and so are biases and the gradients of filters;
   * everything else that a kernel writes has this dtype. f16 is asked for only where the channels of a group come in fours.
   */
  readonly dtype?: FloatDType;
}

/** How a convolution's images and filters are stored. */
export const dtypeOf = ({ dtype = "f32" }: Pick<Convolution, "dtype">): FloatDType => dtype;

export type Direction = "forward" | "backwardX" | "backwardWeight";

/** The three directions of a convolution. All images are NHWC, filters KRSC, dtypes as Convolution says; shapes were checked by the caller. */
export interface ConvolutionKernels {
  /** x [n,h,w,c], weight [k,r,s,c/groups], bias [k] or null -> y [n,p,q,k]. */
  readonly forward: (shape: Convolution, x: Tensor, weight: Tensor, bias: Tensor | null) => Tensor;
  /** dy [n,p,q,k], weight, bias [c] or null (added to the result) -> dx [n,h,w,c]. */
  readonly backwardX: (shape: Convolution, dy: Tensor, weight: Tensor, bias: Tensor | null) => Tensor;
  /** x [n,h,w,c], dy [n,p,q,k] -> dw [k,r,s,c/groups]. */
  readonly backwardWeight: (shape: Convolution, x: Tensor, dy: Tensor) => Tensor;
}

/** One way to compute convolutions. */
export interface ConvolutionFamily extends ConvolutionKernels {
  readonly name: string;
  /** Whether it has kernels for f16 storage. */
  readonly half?: boolean;
  /**
   * Predicted time of one direction, in multiply-adds that a perfect kernel would do meanwhile; Infinity where it cannot run. Only
   * compared with other families on the same device.
   */
  readonly cost: (device: Hardware, shape: Convolution, direction: Direction) => number;
}

/** Floating-point operations of one direction, taps in the padding included. */
export function flopsOf({ batch, c, k, groups, window: { output, kernel } }: Convolution): number {
  return 2 * batch * output[0] * output[1] * k * (c / groups) * kernel[0] * kernel[1];
}

/** What a direction costs, for the profiler: its operations, and what of x it is given and does not read, because its filters step over it. */
export function costsOf(shape: Convolution, direction: Direction): { flops: number; unread: number } {
  const { batch, input: [h, w], c, window: { output, kernel, stride, dilation, padding: { top, left } } } = shape;
  const flops = flopsOf(shape);
  // Nothing is stepped over by steps of one: most launches need no more than that.
  if (direction === "backwardX" || [...stride, ...dilation].every((step) => step === 1)) return { flops, unread: 0 };
  /** Rows or columns of x that some tap meets. */
  const met = (axis: 0 | 1, size: number, before: number): number => {
    const places = new Set<number>();
    for (let p = 0; p < output[axis]; p++) for (let r = 0; r < kernel[axis]; r++) places.add(p * stride[axis] + r * dilation[axis] - before);
    return [...places].filter((place) => place >= 0 && place < size).length;
  };
  return { flops, unread: batch * (h * w - met(0, h, top) * met(1, w, left)) * c * (dtypeOf(shape) === "f32" ? 4 : 2) };
}

/** Throws ShapeError unless `x` is f32, or one of `dtypes`, with `rank` axes; `axes` names them, as in [N,H,W,C]. */
export function requireImage(op: string, what: string, x: Tensor, axes: string, dtypes: readonly FloatDType[] = ["f32"]): void {
  const rank = axes.split(",").length;
  if (!dtypes.some((dtype) => dtype === x.dtype) || x.shape.length !== rank) throw new ShapeError(`${op}: ${what} expects ${dtypes.join(" or ")}[${axes}], got ${x}.`);
}

/** How x and a filter are both stored. Throws ShapeError where they differ, or are f16 and a group's channels do not come in fours. */
export function sharedDType(op: string, x: Tensor, weight: Tensor, { c, k, groups }: Pick<Convolution, "c" | "k" | "groups">): FloatDType {
  if (x.dtype !== weight.dtype) throw new ShapeError(`${op}: x and weight must have one dtype. x is ${x}, weight is ${weight}.`);
  if (x.dtype === "f16" && ((c / groups) % 4 || (k / groups) % 4)) {
    throw new ShapeError(`${op}: f16 needs the input and output channels of a group in fours. x is ${x}, weight is ${weight}. Cast them to f32.`);
  }
  return x.dtype as FloatDType;
}

/** Throws ShapeError unless `bias` is f32 with one number for each of the `channels` of the result. */
export function requireBias(op: string, bias: Tensor | null, channels: number, weight: Tensor): void {
  if (bias && (bias.dtype !== "f32" || bias.shape.length !== 1 || bias.size !== channels)) {
    throw new ShapeError(`${op}: bias expects f32[${channels}], one for each output channel, got ${bias}. weight is ${weight}.`);
  }
}
