import { sameShape, ShapeError } from "@roentgen/core";
import { crossEntropy as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { expectDType } from "./expect.ts";
import { total } from "./reduce.ts";

const nanBits = 0x7fc00000;

/**
 * Mean cross-entropy of softmax(x) against class numbers or class weights. Definition: torch.nn.functional.cross_entropy.
 *
 * @param x               f32[..., C]: logits, classes last
 * @param target          u32[...]: a class number per row; one outside 0 to C - 1 makes the loss NaN. Or f32[..., C]: a weight
 *                        per class. No gradient
 * @param labelSmoothing  in [0, 1]: the share of the target that goes to all classes evenly
 * @returns               f32[]: the mean over rows
 * @throws ShapeError where target fits neither form, or labelSmoothing is out of range
 */
export const crossEntropy = op("crossEntropy", (x: Tensor, target: Tensor, { labelSmoothing = 0 }: { readonly labelSmoothing?: number } = {}) => {
  expectDType("crossEntropy", "f32", { x });
  const soft = target.dtype === "f32" && sameShape(target.shape, x.shape);
  const hard = target.dtype === "u32" && sameShape(target.shape, x.shape.slice(0, -1));
  const classes = x.dim(-1);
  if (!soft && !hard) throw new ShapeError(`crossEntropy: target must be u32[${x.shape.slice(0, -1)}] class numbers or f32[${x.shape}] class weights, got ${target}. x is ${x}.`);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new ShapeError(`crossEntropy: labelSmoothing must lie in [0, 1], got ${labelSmoothing}.`);

  const rows = x.size / classes;
  const params = { rows, classes, smoothing: labelSmoothing, scale: 1 / rows, nan_bits: nanBits };
  const losses = empty(x.device, [rows]);
  const stats = empty(x.device, [rows, 4]);
  const [flops, grid] = [{ flops: 6 * x.size }, groups(k.forward, rows)];
  if (soft) launch(k.forwardSoft, { x, target_share: target, losses, stats, params }, grid, flops);
  else launch(k.forward, { x, target_class: target, losses, stats, params }, grid, flops);
  return [total(losses, params.scale), [
    (dy) => {
      const dx = emptyLike(x);
      const inputs = { x, row_stats: stats, dy, dx, params };
      if (soft) launch(k.backwardSoft, { ...inputs, target_share: target }, groups(k.backwardSoft, x.size), flops);
      else launch(k.backward, { ...inputs, target_class: target }, groups(k.backward, x.size), flops);
      return dx;
    },
    null,
  ]];
});
