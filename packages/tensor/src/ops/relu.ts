import { relu as f32, reluHalf as half, reluPacked as packed, reluScalar as scalar } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import { emptyLike, type FloatDType, type Tensor } from "../tensor.ts";
import { inFours } from "./layout.ts";

/**
 * Rectified linear unit: max(x, 0), elementwise.
 *
 * @param x  f32, any shape; or f16 with a multiple of four elements
 * @returns  the shape and dtype of x. The gradient at 0 is 0, as in PyTorch.
 * @throws ShapeError for another dtype
 */
export const relu = op("relu", (x: Tensor) => {
  floatDType("relu", "x", x, x.size);
  const { k, n } = kernelsFor(x);
  const y = emptyLike(x);
  launch(k.forward, { x, y, params: { n } }, groups(k.forward, n));
  return [y, [(dy) => masked(y, dy)]];
});

/** dy where `out` is above 0, else 0; no node. */
export function masked(out: Tensor, dy: Tensor): Tensor {
  const { k, n } = kernelsFor(out);
  const dx = emptyLike(out);
  launch(k.backward, { out, dy, dx, params: { n } }, groups(k.backward, n));
  return dx;
}

const kernelsFor = ({ device, dtype, size }: Tensor) =>
  inFours(size) ? { k: twinFor(device, dtype as FloatDType, { f32, half, packed }), n: size / 4 } : { k: scalar, n: size };
