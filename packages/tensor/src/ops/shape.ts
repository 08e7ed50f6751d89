// Ops that move elements without computing: reshape, permute, concat, slice, pad. All but reshape are one strided copy.

import { elementBytes, sameShape, type Shape, ShapeError, sizeOf, stridesOf } from "@roentgen/core";
import { fill as fillKernel, shape as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { floatDType } from "../storage.ts";
import { empty, Tensor, type TensorDType } from "../tensor.ts";
import { axisOf, expectDType } from "./expect.ts";
import { asParam, broadcastStrides, collapse, inFours } from "./layout.ts";

/** The same buffer under another shape of the same size. */
export const view = (x: Tensor, shape: Shape): Tensor => new Tensor(x.device, x.buffer, shape, x.dtype);

/** An f32 tensor with one value everywhere. */
export function filled(like: Tensor, shape: Shape, value: number): Tensor {
  const y = empty(like.device, shape);
  launch(fillKernel.forward, { y, params: { n: y.size, value } }, groups(fillKernel.forward, y.size));
  return y;
}

/** A walk over words of 4 bytes: f16, whose last axis is contiguous and in fours, goes by pairs. */
function inWords(dtype: TensorDType, shape: Shape, strides: readonly number[], offset: number): { shape: Shape; strides: readonly number[]; offset: number } {
  if (dtype !== "f16") return { shape, strides, offset };
  const [outer, last] = [strides.slice(0, -1), shape.at(-1) ?? 1];
  if (strides.at(-1) !== 1 || [last, offset, ...outer].some((n) => n % 2)) throw new Error(`internal: f16[${shape}] by [${strides}] from ${offset} is no walk over pairs.`);
  return { shape: [...shape.slice(0, -1), last / 2], strides: [...outer.map((n) => n / 2), 1], offset: offset / 2 };
}

/** How many words one thread moves: four where the last axis and all positions allow it. */
function copyOf(shape: Shape, strides: readonly number[], offset: number): { params: { n: number; offset: number; dims: number[]; strides: number[] }; RANK: number; lanes: 1 | 4 } {
  const walk = collapse(shape, [strides]);
  const steps = walk.strides[0] ?? [];
  const outer = steps.slice(0, -1);
  const fours = inFours(walk.dims.at(-1) ?? 1) && steps.at(-1) === 1 && [offset, ...outer].every((n) => n % 4 === 0);
  const lanes = fours ? 4 : 1;
  const dims = [...walk.dims.slice(0, -1), (walk.dims.at(-1) ?? 1) / lanes];
  const inLanes = fours ? [...outer.map((n) => n / 4), 1] : steps;
  return { params: { n: sizeOf(shape) / lanes, offset: offset / lanes, dims: asParam(dims), strides: asParam(inLanes) }, RANK: walk.dims.length, lanes };
}

/** y of `shape` with y[i, j, ...] = x[offset + i strides[0] + j strides[1] + ...], counted in elements. */
function gather(x: Tensor, shape: Shape, strides: readonly number[], offset = 0): Tensor {
  const y = empty(x.device, shape, { dtype: x.dtype });
  const words = inWords(x.dtype, shape, strides, offset);
  const { params, RANK, lanes } = copyOf(words.shape, words.strides, words.offset);
  // As many bytes read as written, however large x is.
  const options = { overrides: { RANK }, bytes: 2 * 4 * lanes * params.n };
  if (lanes === 4) launch(k.gather4, { x4: x, y4: y, params }, groups(k.gather4, params.n), options);
  else launch(k.gather, { x, y, params }, groups(k.gather, params.n), options);
  return y;
}

/** The other way: writes x into `y` at offset + i strides[0] + ..., leaving the rest of y as it is. */
function scatter(x: Tensor, y: Tensor, strides: readonly number[], offset = 0): void {
  const words = inWords(x.dtype, x.shape, strides, offset);
  const { params, RANK, lanes } = copyOf(words.shape, words.strides, words.offset);
  const options = { overrides: { RANK }, bytes: 2 * 4 * lanes * params.n };
  if (lanes === 4) launch(k.scatter4, { x4: x, y4: y, params }, groups(k.scatter4, params.n), options);
  else launch(k.scatter, { x, y, params }, groups(k.scatter, params.n), options);
}

/** x repeated along a shape it broadcasts to, without leaving a node. */
export const expand = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : gather(x, shape, broadcastStrides(x.shape, shape)));

function expectWords(name: string, x: Tensor): void {
  if (elementBytes[x.dtype] !== 4) throw new ShapeError(`${name}: x must have elements of 4 bytes, got ${x}. Convert it with imageToFloat.`);
}

/**
 * The same elements, in the same order, under another shape. Free: both tensors share one buffer.
 *
 * @param shape  one size may be -1: whatever is left
 * @throws ShapeError if the sizes do not multiply to those of x
 */
export const reshape = op("reshape", (x: Tensor, shape: Shape) => {
  const known = sizeOf(shape.filter((n) => n !== -1));
  const whole = shape.map((n) => (n === -1 ? x.size / known : n));
  if (shape.filter((n) => n === -1).length > 1 || sizeOf(whole) !== x.size || whole.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(`reshape: [${shape}] cannot hold the ${x.size} elements of x. x is ${x}.`);
  }
  return [view(x, whole), [(dy) => view(dy, x.shape)]];
});

/**
 * Axes in another order, copied: axis i of the result is axis `order[i]` of x. Any dtype of 4 bytes.
 *
 * @throws ShapeError unless `order` names each axis once
 */
export const permute = op("permute", (x: Tensor, order: readonly number[]) => {
  expectWords("permute", x);
  const from = order.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  if ([...from].sort((a, b) => a - b).join() !== [...x.shape.keys()].join()) {
    throw new ShapeError(`permute: order [${order}] must name each of the ${x.shape.length} axes of x once. x is ${x}.`);
  }
  const back = from.map((_, axis) => from.indexOf(axis));
  const moved = (t: Tensor, by: readonly number[]) => {
    const strides = stridesOf(t.shape);
    return gather(t, by.map((axis) => t.shape[axis] ?? 1), by.map((axis) => strides[axis] ?? 1));
  };
  return [moved(x, from), [(dy) => moved(dy, back)]];
});

/** Half-open ranges, one per axis. */
interface Range {
  readonly start: number;
  readonly stop: number;
}

const offsetOf = (strides: readonly number[], at: readonly number[]): number => strides.reduce((sum, stride, i) => sum + stride * (at[i] ?? 0), 0);

/** The part of x that begins at `at` and has `shape`. */
export function cut(x: Tensor, at: readonly number[], shape: Shape): Tensor {
  const strides = stridesOf(x.shape);
  return gather(x, shape, strides, offsetOf(strides, at));
}

/** Writes x into y, its first element at `at`. */
export function put(x: Tensor, y: Tensor, at: readonly number[]): void {
  const strides = stridesOf(y.shape);
  scatter(x, y, strides, offsetOf(strides, at));
}

/**
 * Tensors of one dtype joined along an axis: one of 4 bytes, or f16 with last axes in fours.
 *
 * @param axis  negative axes count from the end; -1 joins the channels of NHWC images
 * @throws ShapeError if another axis differs
 */
export const concat = op("concat", (xs: readonly Tensor[], axis: number) => {
  const first = xs[0] as Tensor;
  const along = axisOf("concat", first, axis);
  for (const x of xs) {
    if (x.dtype === "f16") floatDType("concat", "each tensor", x);
    else expectWords("concat", x);
    const fits = x.dtype === first.dtype && x.shape.length === first.shape.length && x.shape.every((n, i) => i === along || n === first.shape[i]);
    if (!fits) throw new ShapeError(`concat: tensors joined along axis ${axis} must agree in dtype and in every other axis. They are ${xs.join(", ")}.`);
  }
  const sizes = xs.map((x) => x.shape[along] ?? 1);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  const at = (i: number) => first.shape.map((_, d) => (d === along ? (starts[i] ?? 0) : 0));
  const y = empty(first.device, first.shape.map((n, d) => (d === along ? sizes.reduce((a, b) => a + b, 0) : n)), { dtype: first.dtype });
  for (const [i, x] of xs.entries()) put(x, y, at(i));
  return [y, xs.map((x, i) => (dy: Tensor) => cut(dy, at(i), x.shape))];
});

/**
 * A box cut out of x, copied. Any dtype of 4 bytes; the gradient outside the box is 0.
 *
 * @param ranges  per axis {start, stop}, stop exclusive; negative ones count from the end; an axis left out (null) is whole
 * @throws ShapeError if a range is empty or leaves x
 */
export const slice = op("slice", (x: Tensor, ranges: readonly (Partial<Range> | null)[]) => {
  expectWords("slice", x);
  if (ranges.length > x.shape.length) throw new ShapeError(`slice: ${ranges.length} ranges for ${x.shape.length} axes. x is ${x}.`);
  const boxes = x.shape.map((n, axis): Range => {
    const { start = 0, stop = n } = ranges[axis] ?? {};
    const box = { start: start < 0 ? start + n : start, stop: stop < 0 ? stop + n : stop };
    const fits = Number.isInteger(box.start) && Number.isInteger(box.stop) && box.start >= 0 && box.start < box.stop && box.stop <= n;
    if (!fits) throw new ShapeError(`slice: range ${start} to ${stop} of axis ${axis} is empty or leaves the ${n} elements of x. x is ${x}.`);
    return box;
  });
  const at = boxes.map(({ start }) => start);
  const y = cut(x, at, boxes.map(({ start, stop }) => stop - start));
  return [y, [
    (dy) => {
      const dx = filled(dy, x.shape, 0);
      put(dy, dx, at);
      return dx;
    },
  ]];
});

/**
 * x with a border of `value`.
 *
 * @param x       f32, any shape
 * @param widths  per axis [before, after], at least 0; one pair per axis
 * @throws ShapeError for a width below 0 or a missing axis
 */
export const pad = op("pad", (x: Tensor, widths: readonly (readonly [number, number])[], value: number = 0) => {
  expectDType("pad", "f32", { x });
  const valid = widths.length === x.shape.length && widths.flat().every((n) => Number.isInteger(n) && n >= 0);
  if (!valid) throw new ShapeError(`pad: expected [before, after] for each of the ${x.shape.length} axes of x, at least 0 each, got ${JSON.stringify(widths)}. x is ${x}.`);
  const at = widths.map(([before]) => before);
  const shape = widths.map(([before, after], axis) => before + (x.shape[axis] ?? 1) + after);
  const y = filled(x, shape, value);
  put(x, y, at);
  return [y, [(dy) => cut(dy, at, x.shape)]];
});
