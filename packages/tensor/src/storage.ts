// Storage in f16, arithmetic in f32: a shader that can do both has the twins `.half` (vec4<f16>, needs shader-f16) and `.packed`
// (two pairs in a vec2u, needs nothing). This is the one place that chooses between them.

import { ShapeError } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import type { FloatDType, Tensor } from "./tensor.ts";

/** The kernels of a shader and of its twins: all have the same face. */
export interface Twins<K> {
  readonly f32: K;
  readonly half: K;
  readonly packed: K;
}

/** The twin for tensors of this dtype on a device. */
export function twinFor<K>(device: Device, dtype: FloatDType, { f32, half, packed }: Twins<K>): K {
  if (dtype === "f32") return f32;
  return device.info.features.includes("shader-f16") ? half : packed;
}

/**
 * The dtype of `x`, which must be f32, or f16 with `channels` (default: its last axis) in fours, as vectors of four are stored.
 *
 * @throws ShapeError otherwise
 */
export function floatDType(op: string, what: string, x: Tensor, channels = x.shape.at(-1) ?? 1): FloatDType {
  if (x.dtype !== "f32" && x.dtype !== "f16") throw new ShapeError(`${op}: ${what} expects f32 or f16, got ${x}.`);
  if (x.dtype === "f16" && channels % 4 !== 0) throw new ShapeError(`${op}: ${what} expects f16 in fours, got ${x}. Cast it to f32.`);
  return x.dtype;
}
