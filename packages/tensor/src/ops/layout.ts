// Strided walks over contiguous tensors: how broadcasting, permuting, slicing and concatenating address memory. Pure functions.

import { type Shape, sizeOf, stridesOf } from "@roentgen/core";

/** The most axes a walk may have once neighbours that can be walked as one are merged. */
export const mostAxes = 8;

/** Loops over `dims`, outermost first; each operand moves by its own strides, in elements. A stride of 0 repeats. */
export interface Walk {
  readonly dims: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The walk with the fewest axes that visits the same elements in the same order: axes of size 1 go, neighbours merge. */
export function collapse(shape: Shape, strides: readonly (readonly number[])[]): Walk {
  const dims: number[] = [];
  const merged = strides.map((): number[] => []);
  for (const [axis, n] of shape.entries()) {
    if (n === 1) continue;
    const last = dims.length - 1;
    const joins = last >= 0 && strides.every((s, i) => merged[i]?.[last] === (s[axis] ?? 0) * n);
    if (joins) dims[last] = (dims[last] ?? 1) * n;
    else dims.push(n);
    for (const [i, s] of strides.entries()) (merged[i] ?? [])[dims.length - 1] = s[axis] ?? 0;
  }
  if (dims.length === 0) return { dims: [1], strides: strides.map(() => [1]) };
  return { dims, strides: merged };
}

/** The shape two operands broadcast to as in NumPy, aligned at the last axis; null where they do not fit. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = rank; i > 0; i--) {
    const [m, n] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (i > a.length || m === 1) out.push(n);
    else if (i > b.length || n === 1 || m === n) out.push(m);
    else return null;
  }
  return out;
}

/** Strides that walk an operand along a shape it broadcasts to: 0 where it repeats. */
export function broadcastStrides(shape: Shape, out: Shape): number[] {
  const own = stridesOf(shape);
  const lead = out.length - shape.length;
  return out.map((n, axis) => (axis < lead || (shape[axis - lead] === 1 && n !== 1) ? 0 : (own[axis - lead] ?? 0)));
}

/** As the `array<vec4<u32>, 2>` of a shader's Params. */
export function asParam(values: readonly number[]): number[] {
  if (values.length > mostAxes) throw new Error(`internal: ${values.length} axes in a walk of at most ${mostAxes}.`);
  return Array.from({ length: mostAxes }, (_, i) => values[i] ?? 0);
}

/** Whether a buffer of this many elements can be seen as whole vectors of four. */
export const inFours = (elements: number): boolean => elements > 0 && elements % 4 === 0;

/** Middle extent of a shape seen as [outer, length, inner] around one axis. */
export function around(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis] ?? 1, inner: sizeOf(shape.slice(axis + 1)) };
}
