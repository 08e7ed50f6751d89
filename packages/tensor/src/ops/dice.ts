import { dice as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { expectDType, expectSameShape } from "./expect.ts";
import { stripesOf, sumRows } from "./reduce.ts";

/**
 * Soft Dice loss over a whole batch at once: 1 - (2 sum(p t) + smooth) / (sum p + sum t + smooth). Definition: V-Net
 * (Milletari 2016), with plain sums below the line and a smoothing term.
 *
 * @param p       f32, any shape: predicted probabilities
 * @param target  f32, the shape of p: the mask. No gradient
 * @returns       f32[]
 * @throws ShapeError where the shapes differ
 */
export const dice = op("dice", (p: Tensor, target: Tensor, { smooth = 1 }: { readonly smooth?: number } = {}) => {
  expectDType("dice", "f32", { p, target });
  expectSameShape("dice", { p, target });
  const params = { n: p.size, stripes: stripesOf(p.size), smooth_by: smooth };
  const partial = empty(p.device, [params.stripes, 3]);
  launch(k.sums, { p, t: target, partial, params }, groups(k.sums, params.stripes), { flops: 4 * p.size });
  const totals = sumRows(partial, 3);
  const y = empty(p.device, []);
  launch(k.forward, { totals, y, params }, [1, 1, 1]);
  return [y, [
    (dy) => {
      const dp = emptyLike(p);
      launch(k.backward, { totals, t: target, dy, dp, params }, groups(k.backward, p.size), { flops: 4 * p.size });
      return dp;
    },
    null,
  ]];
});
