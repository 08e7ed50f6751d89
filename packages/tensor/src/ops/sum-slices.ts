import type { Shape } from "@roentgen/core";
import { Buffer, type Dispatch, type Joiner } from "@roentgen/gpu";
import { sumSlices as f32, sumSlicesHalf as half, sumSlicesJoined, sumSlicesPacked as packed, sumSlicesScalar as scalar } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, type FloatDType, type Tensor } from "../tensor.ts";
import { sumAtOnce } from "./tiling.ts";

const members = ["a", "b", "c", "d", "e", "f", "g"] as const;

/** The gradients of weights are wanted by the optimiser alone, and lie side by side for it: their sums wait for each other. */
const joiner: Joiner = {
  most: members.length,
  join(dispatches: readonly Dispatch[]): Dispatch {
    const sums = dispatches.map(({ buffers: [, sum] }) => sum as Buffer);
    const whole = (sums[0] as Buffer).root.buffer;
    const from = Math.min(...sums.map((sum) => sum.root.offset));
    const to = Math.max(...sums.map((sum) => sum.root.offset + sum.bytes));
    let threads = 0;
    const member = (i: number): readonly [number, number, number, number] => {
      const { n = 0, count = 0 } = (dispatches[i]?.params ?? {}) as { n?: number; count?: number };
      return [(threads += n), n, count, ((sums[i]?.root.offset ?? from) - from) / 16];
    };
    const params = Object.fromEntries(members.map((name, i) => [name, member(i)]));
    const slices = members.map((_, i) => (dispatches[i] ?? dispatches[0])?.buffers[0] as Buffer);
    return {
      kernel: sumSlicesJoined.forward, label: `gradients ${sumSlicesJoined.forward.name}`, buffers: [...slices, Buffer.part("sums", to - from, whole, from)],
      params, overrides: {}, grid: groups(sumSlicesJoined.forward, threads), flops: dispatches.reduce((sum, d) => sum + d.flops, 0),
      bytes: dispatches.reduce((sum, d) => sum + d.buffers.reduce((bytes, b) => bytes + b.bytes, 0), 0),
    };
  },
};

/** f32[count, ...shape] -> dtype[...shape], the sum over the first axis, added up in order; as f16 it has a multiple of four elements. */
export function sumSlices(slices: Tensor, dtype: FloatDType = "f32"): Tensor {
  const sum = empty(slices.device, slices.shape.slice(1), { dtype });
  const count = slices.dim(0);
  if (sum.size % 4) {
    launch(scalar.forward, { slices, sum, params: { n: sum.size, count } }, groups(scalar.forward, sum.size), { flops: slices.size });
    return sum;
  }
  const { forward } = twinFor(slices.device, dtype, { f32, half, packed });
  launch(forward, { slices, sum, params: { n: sum.size / 4, count } }, groups(forward, sum.size / 4), { flops: slices.size, ...(dtype === "f32" ? { joiner } : {}) });
  return sum;
}

/**
 * A reduction in two stages: what `first` writes slice by slice, added up in order. One slice needs no second stage.
 *
 * @param like   a tensor of the same device
 * @param count  number of slices
 * @param shape  of the sum, f32
 * @param first  launches the first stage, which writes f32[count, ...shape]
 */
export function sumOfSlices(like: Tensor, count: number, shape: Shape, first: (partial: Tensor) => void): Tensor {
  const partial = empty(like.device, count === 1 ? shape : [count, ...shape]);
  first(partial);
  return count === 1 ? partial : sumSlices(partial);
}

/** What `first` writes in one piece as `dtype`, or in slices of f32 that are added up, in order, and stored so. */
export function inSlices(like: Tensor, slices: number, shape: Shape, dtype: FloatDType, first: (partial: Tensor) => void): Tensor {
  if (slices === 1) {
    const whole = empty(like.device, shape, { dtype });
    first(whole);
    return whole;
  }
  const inTwoStages = slices > sumAtOnce && slices % sumAtOnce === 0;
  const partial = empty(like.device, inTwoStages ? [sumAtOnce, slices / sumAtOnce, ...shape] : [slices, ...shape]);
  first(partial);
  return sumSlices(inTwoStages ? sumSlices(partial) : partial, dtype);
}
