// Launching the elementwise functions of two tensors, without nodes: what the binary ops and other ops' gradients are made of.

import { sameShape, ShapeError } from "@roentgen/core";
import { binary as k, binaryHalf as half, binaryPacked as packed } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { asParam, broadcastShape, broadcastStrides, collapse, inFours } from "./layout.ts";

/** `KIND` of the shader. */
const kinds = { add: 0, sub: 1, mul: 2, div: 3, pow: 4, maximum: 5, minimum: 6, equal: 7 } as const;
export type BinaryKind = keyof typeof kinds;

/** Which operand a gradient is for. */
export type Side = "a" | "b";

function paramsOf(name: string, a: Tensor, b: Tensor) {
  const shape = broadcastShape(a.shape, b.shape);
  if (!shape) throw new ShapeError(`${name}: shapes do not broadcast: aligned at the last axis, sizes must be equal or 1. a is ${a}, b is ${b}.`);
  const { dims, strides } = collapse(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)]);
  const size = shape.reduce((p, n) => p * n, 1);
  const fours = sameShape(a.shape, b.shape) && inFours(size);
  const dtype = floatDType(name, "a", a, a.size);
  if (b.dtype !== dtype) throw new ShapeError(`${name}: a and b must have one dtype. a is ${a}, b is ${b}.`);
  if (dtype === "f16" && !fours) throw new ShapeError(`${name}: f16 needs equal shapes with a multiple of four elements. a is ${a}, b is ${b}. Cast them to f32.`);
  /** The kernels for equal shapes, in vectors of four. */
  const fast = fours ? twinFor<Pick<typeof k, "forward" | "backward">>(a.device, dtype, { f32: k, half, packed }) : null;
  const LANES = inFours(dims.at(-1) ?? 1) ? 4 : 1;
  const params = { n: fours ? size / 4 : size / LANES, dims: asParam(dims), a_strides: asParam(strides[0] ?? []), b_strides: asParam(strides[1] ?? []) };
  return { shape, dtype, fast, params, RANK: dims.length, LANES };
}

/** f(a, b) with broadcasting, f32; or f16 for equal shapes. Throws ShapeError where shapes or dtypes do not fit. */
export function combine(kind: BinaryKind, a: Tensor, b: Tensor): Tensor {
  const { shape, dtype, fast, params, RANK, LANES } = paramsOf(kind, a, b);
  const y = empty(a.device, shape, { dtype });
  const KIND = kinds[kind];
  const flops = y.size;
  if (fast) launch(fast.forward, { a4: a, b4: b, y4: y, params }, groups(fast.forward, params.n), { overrides: { KIND }, flops });
  else launch(k.forwardBroadcast, { a, b, y, params }, groups(k.forwardBroadcast, params.n), { overrides: { KIND, RANK, LANES }, flops });
  return y;
}

/** dy times the slope of f with respect to one side, in the shape of dy: an operand that repeats still has to be summed. */
export function combineGradient(kind: BinaryKind, side: Side, a: Tensor, b: Tensor, dy: Tensor): Tensor {
  const { fast, params, RANK, LANES } = paramsOf(kind, a, b);
  const dx = emptyLike(dy);
  const KIND = kinds[kind];
  const SIDE = side === "a" ? 0 : 1;
  const flops = 2 * dy.size;
  if (fast) launch(fast.backward, { a4: a, b4: b, dy4: dy, dx4: dx, params }, groups(fast.backward, params.n), { overrides: { KIND, SIDE }, flops });
  else launch(k.backwardBroadcast, { a, b, dy, dx, params }, groups(k.backwardBroadcast, params.n), { overrides: { KIND, SIDE, RANK, LANES }, flops });
  return dx;
}
