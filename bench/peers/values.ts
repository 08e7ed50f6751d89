// The numbers all engines compute on: formulas instead of files, so that a Python program can make the same.

import { hashString, mix32, type Shape, sizeOf } from "@roentgen/core";

/** Values in [-bound, bound) that look random: value i is splitmix32 of the name's hash plus i. */
export function values(name: string, shape: Shape, bound = 1): Float32Array {
  const seed = hashString(name);
  const out = new Float32Array(sizeOf(shape));
  for (let i = 0; i < out.length; i++) out[i] = (mix32((seed + i) | 0) / 2 ** 31 - 1) * bound;
  return out;
}

/** Whole numbers in [0, most). */
export function integers(name: string, shape: Shape, most: number): Uint32Array {
  const seed = hashString(name);
  return Uint32Array.from({ length: sizeOf(shape) }, (_, i) => mix32((seed + i) | 0) % most);
}

const probes = 256;

/** 256 values of a result (all of them where there are fewer), one in each of as many ranges, to compare engines by. */
export function probeOf(result: ArrayLike<number>): number[] {
  const count = Math.min(probes, result.length);
  const range = Math.floor(result.length / count);
  // The place in a range moves on, or all would lie in one channel.
  return Array.from({ length: count }, (_, i) => result[i * range + ((31 * i) % range)] ?? NaN);
}

/** The largest difference of two probes against the largest value. Infinity where one is not finite or they differ in length. */
export function probeError(a: readonly number[], b: readonly number[]): number {
  const largest = Math.max(...a.map(Math.abs), Number.MIN_VALUE);
  const error = Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN)))) / largest;
  return a.length === b.length && Number.isFinite(error) ? error : Infinity;
}

/** `data` of `shape`, whose axes are put into `order`: axis i of the result is axis order[i]. */
export function permuted(data: Float32Array, shape: Shape, order: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
  const [sizes, steps] = [order.map((axis) => shape[axis] ?? 1), order.map((axis) => strides[axis] ?? 0)];
  const out = new Float32Array(data.length);
  const at = order.map(() => 0);
  for (let i = 0, from = 0; i < out.length; i++) {
    out[i] = data[from] ?? NaN;
    for (let axis = at.length - 1; axis >= 0; axis--) {
      const [size, step] = [sizes[axis] ?? 1, steps[axis] ?? 0];
      from += step;
      at[axis] = (at[axis] ?? 0) + 1;
      if ((at[axis] ?? 0) < size) break;
      from -= size * step;
      at[axis] = 0;
    }
  }
  return out;
}
