import { type Shape, sizeOf, stridesOf } from "@roentgen/core";
import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { concat, pad, permute, reshape, slice } from "./shape.ts";

/** y of `shape` whose element at each position is `f(position)`. */
function built(shape: Shape, f: (at: number[]) => number): Host64 {
  const strides = stridesOf(shape);
  return host64(shape, Float64Array.from({ length: sizeOf(shape) }, (_, i) => f(strides.map((s, axis) => Math.floor(i / s) % (shape[axis] ?? 1)))));
}

const at = (x: Host64, position: readonly number[]): number => x.data[stridesOf(x.shape).reduce((sum, s, i) => sum + s * (position[i] ?? 0), 0)] ?? NaN;

export const reshapeCase = (from: Shape, to: Shape): OpCase => ({
  name: `reshape [${from}] to [${to}]`,
  inputs: [{ shape: from }],
  run: (x) => reshape(x, to),
  reference: (x) => host64(to.map((n) => (n === -1 ? -sizeOf(from) / sizeOf(to) : n)), x.data.slice()),
});

export const permuteCase = (shape: Shape, order: readonly number[]): OpCase => ({
  name: `permute [${shape}] by [${order}]`,
  inputs: [{ shape }],
  run: (x) => permute(x, order),
  reference: (x) => built(order.map((axis) => shape[axis] ?? 1), (to) => at(x, shape.map((_, axis) => to[order.indexOf(axis)] ?? 0))),
});

export function concatCase(shape: Shape, axis: number, sizes: readonly number[]): OpCase {
  const along = axis < 0 ? axis + shape.length : axis;
  const sized = (n: number) => shape.map((size, i) => (i === along ? n : size));
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  return {
    name: `concat [${shape}] along ${axis}: ${sizes}`,
    inputs: sizes.map((n) => ({ shape: sized(n) })),
    run: (...xs) => concat(xs, axis),
    reference: (...xs) =>
      built(sized(sizes.reduce((a, b) => a + b, 0)), (to) => {
        const which = starts.findLastIndex((start) => start <= (to[along] ?? 0));
        return at(xs[which] as Host64, to.map((p, i) => (i === along ? p - (starts[which] ?? 0) : p)));
      }),
  };
}

/** `boxes` in full: a start and a stop for every axis. */
export const sliceCase = (shape: Shape, boxes: readonly (readonly [number, number])[]): OpCase => ({
  name: `slice [${shape}] at ${boxes.map((box) => box.join(":"))}`,
  inputs: [{ shape }],
  run: (x) => slice(x, boxes.map(([start, stop]) => ({ start, stop }))),
  reference: (x) => built(boxes.map(([start, stop]) => stop - start), (to) => at(x, to.map((p, i) => p + (boxes[i]?.[0] ?? 0)))),
});

export const padCase = (shape: Shape, widths: readonly (readonly [number, number])[], value: number): OpCase => ({
  name: `pad [${shape}] by ${widths.map((pair) => pair.join("+"))} with ${value}`,
  inputs: [{ shape }],
  run: (x) => pad(x, widths, value),
  reference: (x) =>
    built(shape.map((n, i) => n + (widths[i]?.[0] ?? 0) + (widths[i]?.[1] ?? 0)), (to) => {
      const from = to.map((p, i) => p - (widths[i]?.[0] ?? 0));
      return from.every((p, i) => p >= 0 && p < (shape[i] ?? 1)) ? at(x, from) : Math.fround(value);
    }),
});

export const cases: readonly OpCase[] = [
  reshapeCase([2, 3, 4], [6, 4]),
  reshapeCase([2, 3, 4], [4, -1]),
  reshapeCase([1], []),
  permuteCase([2, 3, 4, 5], [0, 3, 1, 2]),
  permuteCase([2, 3, 5, 8], [1, 0, 2, 3]),
  permuteCase([3, 2], [1, 0]),
  permuteCase([2, 3, 2, 1, 3, 2], [5, 3, 1, 4, 0, 2]),
  concatCase([2, 3, 3, 1], -1, [8, 4]),
  concatCase([2, 3, 3, 1], 3, [3, 4, 1]),
  concatCase([1, 3, 5], 0, [2, 1]),
  concatCase([2, 1, 8], 1, [3, 2, 1]),
  concatCase([4], 0, [5]),
  halved(concatCase([2, 3, 3, 1], -1, [8, 4, 20])),
  halved(concatCase([3, 1, 4], 1, [2, 1])),
  halved(reshapeCase([2, 3, 4], [6, 4])),
  sliceCase([4, 5, 6], [[1, 3], [0, 5], [2, 6]]),
  sliceCase([2, 4, 4, 16], [[0, 2], [1, 4], [0, 4], [4, 12]]),
  sliceCase([7], [[6, 7]]),
  padCase([2, 3, 4], [[1, 0], [0, 2], [3, 1]], -1.5),
  padCase([1, 5, 5, 4], [[0, 0], [1, 1], [2, 1], [0, 0]], 0),
  padCase([3], [[0, 0]], 7),
];
