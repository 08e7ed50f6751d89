// Normalisations whose statistics belong to each image by itself: group, layer and instance norm are one computation on
// [images, pixels, groups, depth].

import { format, sameShape, type Shape, ShapeError, sizeOf } from "@roentgen/core";
import { groupNorm as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import type { GradientOf } from "../tape.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { axesOf } from "./expect.ts";
import { sumSlices } from "./sum-slices.ts";

/**
 * Group normalisation: channels are split into groups, each image and group normalised by itself.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 *
 * @param x       f32[N, ..., C]
 * @param weight  f32[C]
 * @param bias    f32[C]
 * @throws ShapeError if the shapes do not fit, or a group has one value
 */
export const groupNorm = op("groupNorm", (x: Tensor, weight: Tensor, bias: Tensor, options: { readonly groups: number; readonly eps?: number }) => {
  const channels = x.dim(-1);
  if (!Number.isInteger(options.groups) || options.groups < 1 || channels % options.groups) {
    throw new ShapeError(`groupNorm: groups must divide the ${channels} channels of x, got ${options.groups}. x is ${x}.`);
  }
  return normalised("groupNorm", x, weight, bias, imagesOf("groupNorm", x, options.groups), [channels], options.eps);
});

/**
 * Layer normalisation over the last axes.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 *
 * @param x       f32, any shape
 * @param weight  f32, the shape of the normalised axes
 * @param bias    the same
 * @param axes    the last axes of x, in any order; default the last alone
 * @throws ShapeError if the shapes do not fit
 */
export const layerNorm = op("layerNorm", (x: Tensor, weight: Tensor, bias: Tensor, { axes = [-1], eps }: { readonly axes?: readonly number[]; readonly eps?: number } = {}) => {
  const found = axesOf("layerNorm", x, axes);
  const outer = x.shape.length - found.size;
  if (found.size === 0 || [...found].some((axis) => axis < outer)) throw new ShapeError(`layerNorm: axes [${axes}] must be the last ones of x. x is ${x}.`);
  const shape = x.shape.slice(outer);
  return normalised("layerNorm", x, weight, bias, { images: x.size / sizeOf(shape), pixels: 1, groups: 1, depth: sizeOf(shape) }, shape, eps);
});

/**
 * Instance normalisation: each channel of each image by itself, also in evaluation.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html (no running statistics)
 *
 * @param x       f32[N, ..., C]
 * @param weight  f32[C], or null together with bias
 * @throws ShapeError if the shapes do not fit, or a channel has one value
 */
export const instanceNorm = op("instanceNorm", (x: Tensor, weight: Tensor | null, bias: Tensor | null, { eps }: { readonly eps?: number } = {}) =>
  normalised("instanceNorm", x, weight, bias, imagesOf("instanceNorm", x, x.dim(-1)), [x.dim(-1)], eps));

interface View {
  readonly images: number;
  readonly pixels: number;
  readonly groups: number;
  readonly depth: number;
}

/** Values that one thread adds up: few enough to keep many threads busy. */
const serial = 256;

function normalised(name: string, x: Tensor, weight: Tensor | null, bias: Tensor | null, view: View, shape: Shape, eps = 1e-5): readonly [Tensor, readonly GradientOf[]] {
  check(name, x, weight, bias, shape);
  const sets = view.images * view.groups;
  const stripes = Math.ceil((view.pixels * view.depth) / serial);
  const params = { ...view, stripes, per_thread: serial, eps };
  const slices = () => empty(x.device, [stripes, sets, 2], { label: "partial sums" });
  const overrides = { AFFINE: Number(weight !== null) };

  const partials = slices();
  const moments = empty(x.device, [sets, 2], { label: "moments" });
  const y = emptyLike(x);
  launch(k.statistics, { x, partials, params: { ...params, n: stripes * sets } }, groups(k.statistics, stripes * sets));
  launch(k.merge, { x, stripe_moments: partials, moments_out: moments, params: { ...params, n: sets } }, groups(k.merge, sets));
  launch(k.normalise, { x, moments, weight: weight ?? x, bias: bias ?? x, y, params: { ...params, n: x.size } }, groups(k.normalise, x.size), { overrides });

  const ofX: GradientOf = (dy) => {
    const partials = slices();
    launch(k.gradientSums, { x, dy, moments, weight: weight ?? x, partials, params: { ...params, n: stripes * sets } }, groups(k.gradientSums, stripes * sets), { overrides });
    const dx = emptyLike(x);
    launch(k.backwardX, { x, dy, moments, weight: weight ?? x, sums: sumSlices(partials), dx, params: { ...params, n: x.size } }, groups(k.backwardX, x.size), { overrides });
    return dx;
  };
  if (!weight) return [y, [ofX]];

  let shared: { dy: Tensor; dweight: Tensor; dbias: Tensor } | null = null;
  const ofParameters = (dy: Tensor) => {
    if (shared?.dy === dy) return shared;
    const stripes = Math.ceil((view.images * view.pixels) / serial);
    const [dweight, dbias] = [empty(x.device, [stripes, ...shape]), empty(x.device, [stripes, ...shape])];
    launch(k.backwardWeight, { x, dy, moments, dweight, dbias, params: { ...params, stripes, n: dweight.size } }, groups(k.backwardWeight, dweight.size));
    return (shared = { dy, dweight, dbias });
  };
  return [y, [ofX, (dy) => sumSlices(ofParameters(dy).dweight), (dy) => sumSlices(ofParameters(dy).dbias)]];
}

function imagesOf(name: string, x: Tensor, groups: number): View {
  const channels = x.dim(-1);
  const images = x.dim(0);
  const pixels = x.size / images / channels;
  const depth = channels / groups;
  if (x.shape.length < 2 || pixels * depth <= 1) throw new ShapeError(`${name}: needs more than one value to normalise over, x is ${x}${groups > 1 ? ` in ${groups} groups` : ""}.`);
  return { images, pixels, groups, depth };
}

function check(name: string, x: Tensor, weight: Tensor | null, bias: Tensor | null, shape: Shape): void {
  if (x.dtype !== "f32" || x.size === 0) throw new ShapeError(`${name}: x must be f32 and not empty, got ${x}.`);
  if ((weight === null) !== (bias === null)) throw new ShapeError(`${name}: weight and bias come together or not at all; ${weight ? "bias" : "weight"} is missing.`);
  for (const [what, vector] of Object.entries({ weight, bias })) {
    if (vector && (!sameShape(vector.shape, shape) || vector.dtype !== "f32")) throw new ShapeError(`${name}: ${what} expects ${format("f32", shape)}, got ${vector}. x is ${x}.`);
  }
}
