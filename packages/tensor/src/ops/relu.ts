import { relu as wide, reluScalar as scalar } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { emptyLike, type Tensor } from "../tensor.ts";

/**
 * Rectified linear unit: max(x, 0), elementwise.
 *
 * @param x  f32, any shape
 * @returns  f32, the shape of x. The gradient at 0 is 0, as in PyTorch.
 */
export const relu = op("relu", (x: Tensor) => {
  const k = x.size % 4 === 0 ? wide : scalar;
  const params = { n: x.size % 4 === 0 ? x.size / 4 : x.size };
  const y = emptyLike(x);
  launch(k.forward, { x, y, params }, groups(k.forward, params.n));
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      launch(k.backward, { out: y, dy, dx, params }, groups(k.backward, params.n));
      return dx;
    },
  ]];
});
