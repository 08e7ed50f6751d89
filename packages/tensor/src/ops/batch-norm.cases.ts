import { Rng, type Shape, sizeOf } from "@roentgen/core";
import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { tensor, type Tensor } from "../tensor.ts";
import { batchNorm, type BatchNormOptions, batchNormRelu } from "./batch-norm.ts";
import { add } from "./binary.ts";
import { relu as activation } from "./relu.ts";

export interface BatchNormCase {
  readonly shape: Shape;
  readonly train?: boolean;
  readonly relu?: boolean;
  readonly residual?: boolean;
  /** The result y goes two ways: what is looked at is y + relu(y), twice y in any precision. */
  readonly twoWays?: boolean;
  readonly eps?: number;
  /** Added to every x: how far the mean is from 0. */
  readonly offset?: number;
  readonly seed?: number;
}

/** Means and variances of evaluation, and what training starts from. */
export const runningValues = (channels: number): { mean: number[]; variance: number[] } => ({
  mean: Array.from({ length: channels }, (_, c) => ((c % 5) - 2) / 8),
  variance: Array.from({ length: channels }, (_, c) => 0.5 + (c % 7) / 4),
});

/** Mean and biased variance of each channel, in float64. */
export function batchStatistics(x: Host64): { mean: Float64Array; variance: Float64Array } {
  const channels = x.shape.at(-1) ?? 1;
  const rows = x.data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (const [i, v] of x.data.entries()) mean[i % channels] = (mean[i % channels] ?? 0) + v / rows;
  for (const [i, v] of x.data.entries()) variance[i % channels] = (variance[i % channels] ?? 0) + (v - (mean[i % channels] ?? 0)) ** 2 / rows;
  return { mean, variance };
}

function reference({ train = true, relu = false, eps = 1e-5 }: BatchNormCase, x: Host64, weight: Host64, bias: Host64, residual?: Host64): Host64 {
  const channels = x.shape.at(-1) ?? 1;
  const { mean, variance } = train ? batchStatistics(x) : runningValues(channels);
  const y = host64(x.shape);
  for (const [i, v] of x.data.entries()) {
    const c = i % channels;
    const normal = (v - (mean[c] ?? 0)) / Math.sqrt((variance[c] ?? 0) + eps);
    const sum = normal * (weight.data[c] ?? 0) + (bias.data[c] ?? 0) + (residual?.data[i] ?? 0);
    y.data[i] = relu ? Math.max(sum, 0) : sum;
  }
  return y;
}

/** Inputs whose activations stay off the kink of ReLU, where differences mean nothing: each bias is the middle of a gap. */
function values(test: BatchNormCase): Float64Array[] {
  const { shape, residual = false, offset = 0, seed = 0 } = test;
  const channels = shape.at(-1) ?? 1;
  const rng = Rng.for(seed, `batchNorm ${shape}`);
  const draw = (n: number, low: number, high: number) => Float64Array.from({ length: n }, () => Math.fround(rng.uniform(low, high)));
  const x = draw(sizeOf(shape), -1, 1).map((v) => Math.fround(v + offset));
  const weight = draw(channels, 0.5, 1.5);
  const added = draw(residual ? x.length : 0, -1, 1);
  const zero = host64([channels]);
  const before = reference({ ...test, relu: false }, host64(shape, x), host64([channels], weight), zero, residual ? host64(shape, added) : undefined);
  const bias = Float64Array.from({ length: channels }, (_, c) => -middleOfGap(before.data.filter((_, i) => i % channels === c)));
  return [x, weight, bias.map(Math.fround), ...(residual ? [added] : [])];
}

function middleOfGap(numbers: Float64Array): number {
  const sorted = numbers.slice().sort();
  let [best, middle] = [0, 0];
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1] ?? 0, sorted[i] ?? 0];
    if (b - a > best) [best, middle] = [b - a, (a + b) / 2];
  }
  return middle;
}

/** State as a layer would keep it. */
export function runningOf(device: Tensor["device"], channels: number): BatchNormOptions["running"] {
  const { mean, variance } = runningValues(channels);
  return { mean: tensor(device, mean), variance: tensor(device, variance), count: tensor(device, [3]) };
}

export function batchNormCase(test: BatchNormCase): OpCase {
  const { shape, train = true, relu = false, residual = false, twoWays = false, eps = 1e-5 } = test;
  const channels = shape.at(-1) ?? 1;
  const shapes = [shape, [channels], [channels], shape];
  return {
    name: `${relu ? "batchNormRelu" : "batchNorm"} [${shape}] ${train ? "train" : "eval"}${residual ? " residual" : ""}${twoWays ? " going two ways" : ""}${test.offset ? ` about ${test.offset}` : ""}`,
    inputs: values(test).map((data, i) => ({ shape: shapes[i] ?? shape, values: Array.from(data) })),
    run: (...inputs) => {
      const [x, weight, bias, added] = inputs as [Tensor, Tensor, Tensor, Tensor?];
      const options = { running: runningOf(x.device, channels), train, eps };
      const y = relu ? batchNormRelu(x, weight, bias, added ?? null, options) : batchNorm(x, weight, bias, options);
      return twoWays ? add(y, activation(y)) : y;
    },
    reference: (...inputs) => {
      const [x, weight, bias, added] = inputs as [Host64, Host64, Host64, Host64?];
      const y = reference(test, x, weight, bias, added);
      return twoWays ? host64(y.shape, y.data.map((v) => 2 * v)) : y;
    },
    tolerance: tolerances.normalisation,
    sharedGradients: true,
  };
}

const shapes: readonly BatchNormCase[] = [
  { shape: [6, 4] },
  { shape: [2, 3, 5, 8] },
  { shape: [2, 3, 5, 7] },
  { shape: [150, 12] },
  { shape: [2, 5, 7, 4], train: false },
  { shape: [3, 3, 3], train: false },
  { shape: [2, 4, 4, 8], relu: true },
  { shape: [2, 4, 4, 3], relu: true },
  { shape: [2, 4, 4, 8], relu: true, train: false },
  { shape: [2, 4, 4, 8], relu: true, residual: true },
  { shape: [2, 4, 4, 5], relu: true, residual: true },
  { shape: [2, 4, 4, 8], relu: true, residual: true, twoWays: true },
  { shape: [2, 4, 4, 8], relu: true, residual: true, train: false },
  { shape: [2, 2, 2, 260], relu: true, residual: true },
  { shape: [3, 2, 3, 128], relu: true },
  { shape: [3, 1, 3, 128], relu: true, residual: true, twoWays: true },
];

export const cases: readonly OpCase[] = [
  ...shapes.map(batchNormCase),
  ...shapes.filter(({ shape }) => shape.at(-1) !== undefined && (shape.at(-1) ?? 1) % 4 === 0).map((shape) => halved(batchNormCase(shape), (i) => i === 0 || i === 3)),
];
