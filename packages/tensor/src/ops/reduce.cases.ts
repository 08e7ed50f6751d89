import { type Shape, sizeOf, stridesOf } from "@roentgen/core";
import { host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { max, mean, type ReduceOptions, sum } from "./reduce.ts";

const run = { sum, mean, max };

/** Folds x over axes by visiting every element. */
function folded(x: Host64, axes: readonly number[], keepDims: boolean, start: number, f: (total: number, v: number) => number): Host64 {
  const gone = (axis: number) => axes.includes(axis);
  const kept = x.shape.map((n, axis) => (gone(axis) ? 1 : n));
  const y = host64(keepDims ? kept : x.shape.filter((_, axis) => !gone(axis)));
  y.data.fill(start);
  const [from, to] = [stridesOf(x.shape), stridesOf(kept)];
  for (const [i, v] of x.data.entries()) {
    const at = from.reduce((sum, s, axis) => sum + (gone(axis) ? 0 : (Math.floor(i / s) % (x.shape[axis] ?? 1)) * (to[axis] ?? 0)), 0);
    y.data[at] = f(y.data[at] ?? 0, v);
  }
  return y;
}

export function reduceCase(name: keyof typeof run, shape: Shape, { axes, keepDims = false }: ReduceOptions = {}, seed = 1): OpCase {
  const over = (axes ?? [...shape.keys()]).map((axis) => (axis < 0 ? axis + shape.length : axis));
  const count = over.reduce((n, axis) => n * (shape[axis] ?? 1), 1);
  const n = sizeOf(shape);
  // A permutation of distinct values, so that differences of a maximum mean something; 7919 is prime.
  const values = Array.from({ length: n }, (_, i) => ((((i + 1) * 7919 * seed) % 100_003) / 50_000) - 1);
  return {
    name: `${name} [${shape}] over ${axes ? `[${axes}]` : "all"}${keepDims ? ", kept" : ""}`,
    inputs: [{ shape, values }],
    run: (x) => run[name](x, { ...(axes && { axes }), keepDims }),
    reference: (x) => {
      if (name === "max") return folded(x, over, keepDims, -Infinity, Math.max);
      const total = folded(x, over, keepDims, 0, (a, v) => a + v);
      return name === "sum" ? total : host64(total.shape, total.data.map((v) => v / count));
    },
    tolerance: tolerances.reduction,
  };
}

export const cases: readonly OpCase[] = (["sum", "mean", "max"] as const).flatMap((name) => [
  reduceCase(name, []),
  reduceCase(name, [5]),
  reduceCase(name, [3, 4, 5], { axes: [1] }),
  reduceCase(name, [3, 4, 5], { axes: [0, 2], keepDims: true }),
  reduceCase(name, [2, 9, 11, 6], { axes: [1, 2] }),
  reduceCase(name, [2, 3, 4, 3, 2, 3], { axes: [-1, -3, -5] }),
  reduceCase(name, [3, 1, 4], { axes: [1] }),
  reduceCase(name, [700, 3], { axes: [0] }),
  reduceCase(name, [3, 300], { axes: [1], keepDims: true }),
  reduceCase(name, [2, 4], { axes: [] }),
  reduceCase(name, [41, 521]),
]);
