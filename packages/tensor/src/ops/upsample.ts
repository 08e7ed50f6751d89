import { ShapeError } from "@roentgen/core";
import { upsample as f32, upsampleHalf as half, upsamplePacked as packed, upsampleScalar as scalars } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { runsOf } from "./runs.ts";

type Pair = readonly [number, number];

/** Either the factor by which the image grows, or its new size; a pair is [height, width]. */
export type UpsampleTarget = { readonly scale: number | Pair; readonly size?: never } | { readonly size: number | Pair; readonly scale?: never };

export type UpsampleOptions = UpsampleTarget & {
  readonly mode?: "nearest" | "bilinear";
  /** Bilinear only: the corners of both images coincide at their pixels' centres. */
  readonly alignCorners?: boolean;
};

/**
 * An image at another size; it may also be a smaller one. A scale s gives floor(input * s).
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 *
 * @param x  f32[N, H, W, C], or f16 with C in fours
 * @returns  [N, P, Q, C] of the dtype of x
 * @throws ShapeError if x is no image, or the new size is not a whole number from 1
 */
export const upsample = op("upsample", (x: Tensor, options: UpsampleOptions) => {
  const { mode = "nearest", alignCorners = false } = options;
  if (x.shape.length !== 4 || (x.dtype !== "f32" && x.dtype !== "f16") || x.size === 0) throw new ShapeError(`upsample: x expects images, f32 or f16[N,H,W,C], got ${x}.`);
  if (alignCorners && mode === "nearest") throw new ShapeError("upsample: alignCorners needs mode bilinear; nearest has no corners to align.");
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, columns] = [axisOf(x, height, options, alignCorners, 0), axisOf(x, width, options, alignCorners, 1)];

  const dtype = floatDType("upsample", "x", x);
  const k = channels % 4 ? scalars : twinFor(x.device, dtype, { f32, half, packed });
  const vectorsPerPixel = channels % 4 ? channels : channels / 4;
  const common = { columns: vectorsPerPixel, input: [height, width], output: [rows.size, columns.size], scale: [rows.scale, columns.scale] };
  const threads = (rows: number, pixels: number) => {
    const { per_thread, runs } = runsOf(pixels, x.device.info.software);
    return { ...common, per_thread, runs, n: images * rows * runs * vectorsPerPixel };
  };
  const overrides = { ALIGN_CORNERS: Number(alignCorners) };

  const y = empty(x.device, [images, rows.size, columns.size, channels], { dtype });
  const params = threads(rows.size, columns.size);
  if (mode === "nearest") launch(k.nearestForward, { x, y, params }, groups(k.nearestForward, params.n));
  else launch(k.linearForward, { x, y, params }, groups(k.linearForward, params.n), { overrides });
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      const params = threads(height, width);
      if (mode === "nearest") launch(k.nearestBackward, { dy, dx, params }, groups(k.nearestBackward, params.n));
      else launch(k.linearBackward, { dy, dx, params }, groups(k.linearBackward, params.n), { overrides });
      return dx;
    },
  ]];
});

/** The new size of an axis, and what an output's index is multiplied with: PyTorch's `area_pixel_compute_scale`. */
function axisOf(x: Tensor, input: number, { scale, size }: UpsampleOptions, alignCorners: boolean, axis: 0 | 1): { size: number; scale: number } {
  const factor = typeof scale === "object" ? scale[axis] : scale;
  const output = factor === undefined ? (typeof size === "object" ? size[axis] : (size ?? NaN)) : Math.floor(input * factor);
  if (!Number.isInteger(output) || output < 1 || output > 65_535) {
    throw new ShapeError(`upsample: the new ${axis === 0 ? "height" : "width"} must be a whole number from 1 to 65535, got ${output} (${factor === undefined ? "size" : `scale ${factor}`}). x is ${x}.`);
  }
  if (alignCorners) return { size: output, scale: output > 1 ? (input - 1) / (output - 1) : 0 };
  return { size: output, scale: factor === undefined ? input / output : 1 / factor };
}
