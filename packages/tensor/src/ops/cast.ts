import { ShapeError } from "@roentgen/core";
import { cast as f32, castHalf as half, castPacked as packed } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import { empty, type FloatDType, type Tensor } from "../tensor.ts";
import { view } from "./shape.ts";

/** x in another dtype, without leaving a node; x itself if it has that one. */
export function stored(x: Tensor, dtype: FloatDType): Tensor {
  if (x.dtype === dtype) return x;
  const y = empty(x.device, x.shape, { dtype });
  const k = twinFor(x.device, "f16", { f32, half, packed });
  const n = x.size / 4;
  if (dtype === "f16") launch(k.toHalf, { x, half: y, params: { n } }, groups(k.toHalf, n));
  else launch(k.toFloat, { half_in: x, y, params: { n } }, groups(k.toFloat, n));
  return y;
}

/**
 * The same numbers stored as `dtype`: f16 rounds to the nearest, ties to even, and is infinite beyond 65504. The gradient is cast
 * back. Free where x has that dtype.
 *
 * @param x  f32 or f16, any shape with a multiple of four elements where one of the two dtypes is f16
 * @throws ShapeError for another dtype or number of elements
 */
export const cast = op("cast", (x: Tensor, dtype: FloatDType) => {
  const before = floatDType("cast", "x", x, x.size);
  if (dtype === "f16" && (x.size % 4 !== 0 || x.size === 0)) throw new ShapeError(`cast: f16 is stored in fours, x has ${x.size} elements. x is ${x}. Keep it f32.`);
  return [before === dtype ? view(x, x.shape) : stored(x, dtype), [(dy) => stored(dy, before)]];
});
