// Losses that are the mean of one term per element. The target is data: it has no gradient.

import { ShapeError } from "@roentgen/core";
import { pointwiseLoss as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, emptyLike, type Tensor, tensor } from "../tensor.ts";
import { expectDType, expectSameShape } from "./expect.ts";
import { stripesOf, total } from "./reduce.ts";

/** `KIND` of the shader. */
const kinds = { bce: 0, bceWithLogits: 1, mse: 2 } as const;

function pointwise(name: keyof typeof kinds, p: Tensor, t: Tensor, weight: Tensor | null = null) {
  expectDType(name, "f32", { x: p, target: t });
  expectSameShape(name, { x: p, target: t });
  const params = { n: p.size, stripes: stripesOf(p.size), classes: p.shape.at(-1) ?? 1, scale: 1 / p.size };
  const inputs = { p, t, weight: weight ?? p, params };
  const options = { overrides: { KIND: kinds[name], WEIGHTED: weight ? 1 : 0 }, flops: 8 * p.size };
  const partial = empty(p.device, [params.stripes]);
  launch(k.forward, { ...inputs, partial }, groups(k.forward, params.stripes), options);
  const gradient = (dy: Tensor) => {
    const dp = emptyLike(p);
    launch(k.backward, { ...inputs, dy, dp }, groups(k.backward, p.size), options);
    return dp;
  };
  return [total(partial, params.scale), [gradient, null]] as const;
}

/**
 * Mean binary cross-entropy of probabilities: -t log p - (1 - t) log(1 - p), logarithms clamped at -100. Definition and gradient:
 * torch.nn.functional.binary_cross_entropy.
 *
 * @param x       f32 in [0, 1], any shape: probabilities
 * @param target  f32 in [0, 1], the shape of x
 * @returns       f32[]
 * @throws ShapeError where the shapes differ
 */
export const bce = op("bce", (x: Tensor, target: Tensor) => pointwise("bce", x, target));

/**
 * Mean binary cross-entropy of sigmoid(x), stable for any finite x. Definition:
 * torch.nn.functional.binary_cross_entropy_with_logits.
 *
 * @param x          f32, any shape
 * @param target     f32 in [0, 1], the shape of x
 * @param posWeight  weight of the positive term per class, the last axis
 * @returns          f32[]
 * @throws ShapeError where the shapes differ, or posWeight is not one number per class
 */
export const bceWithLogits = op("bceWithLogits", (x: Tensor, target: Tensor, { posWeight }: { readonly posWeight?: readonly number[] } = {}) => {
  const classes = x.shape.at(-1) ?? 1;
  if (posWeight && posWeight.length !== classes) throw new ShapeError(`bceWithLogits: posWeight expects ${classes} numbers, one per class, got ${posWeight.length}. x is ${x}.`);
  return pointwise("bceWithLogits", x, target, posWeight ? tensor(x.device, posWeight) : null);
});

/** Mean squared difference, f32[]. Both f32 of one shape; the gradient goes to x alone. Throws ShapeError where shapes differ. */
export const mse = op("mse", (x: Tensor, target: Tensor) => pointwise("mse", x, target));
