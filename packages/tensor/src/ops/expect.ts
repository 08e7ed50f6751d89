// What ops demand of their arguments, said in one voice.

import { sameShape, ShapeError } from "@roentgen/core";
import type { Tensor, TensorDType } from "../tensor.ts";

/** Throws ShapeError unless every tensor (by argument name) has this dtype. */
export function expectDType(op: string, dtype: TensorDType, tensors: Readonly<Record<string, Tensor>>): void {
  for (const [name, x] of Object.entries(tensors)) {
    if (x.dtype !== dtype) throw new ShapeError(`${op}: ${name} must be ${dtype}, got ${x}.`);
  }
}

/** Throws ShapeError unless both tensors (by argument name) have one shape. */
export function expectSameShape(op: string, tensors: Readonly<Record<string, Tensor>>): void {
  const [first, ...rest] = Object.entries(tensors);
  for (const [name, x] of rest) {
    if (first && !sameShape(x.shape, first[1].shape)) {
      throw new ShapeError(`${op}: ${name} must have the shape of ${first[0]}. ${first[0]} is ${first[1]}, ${name} is ${x}.`);
    }
  }
}

/** An axis counted from the front; negative ones count from the end. Throws ShapeError where x has no such axis. */
export function axisOf(op: string, x: Tensor, axis: number): number {
  const rank = x.shape.length;
  const from = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(from) || from < 0 || from >= rank) throw new ShapeError(`${op}: axis ${axis} does not exist, x has ${rank} axes. x is ${x}.`);
  return from;
}

/** Several axes, as `axisOf`; default all. Throws ShapeError if one is named twice. */
export function axesOf(op: string, x: Tensor, axes: readonly number[] = [...x.shape.keys()]): Set<number> {
  const found = new Set(axes.map((axis) => axisOf(op, x, axis)));
  if (found.size !== axes.length) throw new ShapeError(`${op}: axes [${axes}] name one axis twice. x is ${x}.`);
  return found;
}
