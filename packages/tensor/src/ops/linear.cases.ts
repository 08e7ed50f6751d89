import { host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { linear } from "./linear.ts";

const reference = (x: Host64, weight: Host64, bias?: Host64): Host64 => {
  const [out = 0, in_ = 0] = weight.shape;
  const y = host64([...x.shape.slice(0, -1), out]);
  for (let i = 0; i < y.data.length; i++) {
    let sum = bias?.data[i % out] ?? 0;
    for (let j = 0; j < in_; j++) sum += (x.data[Math.floor(i / out) * in_ + j] ?? NaN) * (weight.data[(i % out) * in_ + j] ?? NaN);
    y.data[i] = sum;
  }
  return y;
};

export const linearCase = (x: readonly number[], out: number, bias: boolean): OpCase => ({
  name: `linear [${x}] -> ${out}${bias ? " + bias" : ""}`,
  inputs: [{ shape: x }, { shape: [out, x.at(-1) ?? 0] }, ...(bias ? [{ shape: [out] }] : [])],
  run: (input, weight, b) => linear(input, weight, b ?? null),
  reference,
  tolerance: tolerances.reduction,
});

export const cases: readonly OpCase[] = [
  linearCase([7], 3, true),
  linearCase([1, 1], 1, false),
  linearCase([4, 64], 2, true),
  linearCase([5, 12], 8, false),
  linearCase([2, 3, 9], 5, true),
  linearCase([70, 4], 4, true),
];
