// Sums, means and maxima over axes. Neighbouring axes reduce together; a long one takes several passes of stripes.

import { type Shape, sizeOf } from "@roentgen/core";
import { reduce as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";
import { combine } from "./binary-map.ts";
import { axesOf, expectDType } from "./expect.ts";
import { expand, view } from "./shape.ts";
import { scaled } from "./unary.ts";

export interface ReduceOptions {
  /** Axes to reduce, negative ones counted from the end; default all. */
  readonly axes?: readonly number[];
  /** Keep reduced axes with size 1. */
  readonly keepDims?: boolean;
}

const kinds = { sum: 0, max: 1 } as const;
type Kind = keyof typeof kinds;

/** Elements that one thread reduces: few enough to keep many threads busy and the error of serial sums small. */
const serial = 128;

/** Into how many stripes a sum over n elements goes first. */
export const stripesOf = (n: number): number => Math.ceil(n / serial);

/** Passes of stripes over the middle of [outer, length, inner] until one is left: [outer, inner]. */
function reduceMiddle(x: Tensor, kind: Kind, [outer, length, inner]: readonly [number, number, number], scale: number): Tensor {
  const stripes = stripesOf(length);
  const y = empty(x.device, [outer, stripes, inner]);
  const params = { n: y.size, length, stripes, inner, scale: stripes === 1 ? scale : 1 };
  launch(k.forward, { x, y, params }, groups(k.forward, y.size), { overrides: { KIND: kinds[kind] }, flops: x.size });
  return stripes === 1 ? y : reduceMiddle(y, kind, [outer, stripes, inner], scale);
}

/** The sum of all elements times `scale`, as a scalar. */
export const total = (x: Tensor, scale = 1): Tensor => view(reduceMiddle(x, "sum", [1, x.size, 1], scale), []);

/** The sum over the leading axis of rows of `width`: f32[width]. */
export const sumRows = (x: Tensor, width: number): Tensor => view(reduceMiddle(x, "sum", [1, x.size / width, width], 1), [width]);

/** x reduced over `axes`, which stay with size 1; no node. */
function reduced(x: Tensor, kind: Kind, axes: ReadonlySet<number>, scale = 1): Tensor {
  const runs: { start: number; stop: number }[] = [];
  for (const [axis, n] of x.shape.entries()) {
    if (!axes.has(axis) || n === 1) continue;
    const last = runs.at(-1);
    const joins = last && x.shape.slice(last.stop, axis).every((between) => between === 1);
    if (joins) last.stop = axis + 1;
    else runs.push({ start: axis, stop: axis + 1 });
  }
  const dims = [...x.shape];
  let y = x;
  for (const [i, { start, stop }] of runs.entries()) {
    const extent = [sizeOf(dims.slice(0, start)), sizeOf(dims.slice(start, stop)), sizeOf(dims.slice(stop))] as const;
    y = reduceMiddle(y, kind, extent, i === runs.length - 1 ? scale : 1);
    dims.fill(1, start, stop);
  }
  return view(y, dims);
}

/** dy summed back to the shape of an operand that was broadcast. */
export function sumTo(dy: Tensor, shape: Shape): Tensor {
  const lead = dy.shape.length - shape.length;
  const axes = new Set([...dy.shape.keys()].filter((axis) => axis < lead || (shape[axis - lead] === 1 && dy.shape[axis] !== 1)));
  return view(axes.size ? reduced(dy, "sum", axes) : dy, shape);
}

const without = (shape: Shape, axes: ReadonlySet<number>, keepDims: boolean): Shape => shape.flatMap((n, axis) => (axes.has(axis) ? (keepDims ? [1] : []) : [n]));

/** Sizes with the reduced axes as 1. */
const kept = (shape: Shape, axes: ReadonlySet<number>): Shape => without(shape, axes, true);

/**
 * The sum over axes, in a fixed order.
 *
 * @param x  f32, any shape
 * @returns  f32, without the reduced axes (or with size 1 there, if keepDims)
 * @throws ShapeError for an axis that x lacks or that is named twice
 */
export const sum = op("sum", (x: Tensor, { axes, keepDims = false }: ReduceOptions = {}) => {
  expectDType("sum", "f32", { x });
  const over = axesOf("sum", x, axes);
  const y = view(reduced(x, "sum", over), without(x.shape, over, keepDims));
  return [y, [(dy) => expand(view(dy, kept(x.shape, over)), x.shape)]];
});

/** The mean over axes: `sum` divided by the number of elements that went into it. Arguments and errors as `sum`. */
export const mean = op("mean", (x: Tensor, { axes, keepDims = false }: ReduceOptions = {}) => {
  expectDType("mean", "f32", { x });
  const over = axesOf("mean", x, axes);
  const scale = sizeOf(kept(x.shape, over)) / x.size;
  const y = view(reduced(x, "sum", over, scale), without(x.shape, over, keepDims));
  return [y, [(dy) => expand(scaled(view(dy, kept(x.shape, over)), scale), x.shape)]];
});

/**
 * The maximum over axes. Arguments and errors as `sum`. Equal maxima share the gradient evenly, as in torch.amax.
 */
export const max = op("max", (x: Tensor, { axes, keepDims = false }: ReduceOptions = {}) => {
  expectDType("max", "f32", { x });
  const over = axesOf("max", x, axes);
  const most = reduced(x, "max", over);
  return [view(most, without(x.shape, over, keepDims)), [
    (dy) => {
      const hits = combine("equal", x, most);
      const shared = combine("div", view(dy, most.shape), reduced(hits, "sum", over));
      return combine("mul", hits, shared);
    },
  ]];
});
