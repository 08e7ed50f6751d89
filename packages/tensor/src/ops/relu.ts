import { relu as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { emptyLike, type Tensor } from "../tensor.ts";

/**
 * Rectified linear unit: max(x, 0), elementwise.
 *
 * @param x  f32, any shape
 * @returns  f32, the shape of x. The gradient at 0 is 0, as in PyTorch.
 */
export const relu = op("relu", (x: Tensor) => {
  const params = { n: x.size };
  const y = emptyLike(x);
  launch(k.forward, { x, y, params }, groups(k.forward, x.size));
  return [y, [
    (dy) => {
      const dx = emptyLike(x);
      launch(k.backward, { out: y, dy, dx, params }, groups(k.backward, x.size));
      return dx;
    },
  ]];
});
