import { format, ShapeError } from "@roentgen/core";
import { type Device, flatGrid, type Grid } from "@roentgen/gpu";
import { batchNorm as kernels } from "@roentgen/kernels";
import { keep } from "../checkpoint.ts";
import { groups, launch, op } from "../op.ts";
import { floatDType } from "../storage.ts";
import type { GradientOf, SumOf } from "../tape.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { type Backward, columnsOf } from "./batch-norm-columns.ts";
import { type Forward, kernelsOf, type Layer, perElement, sumsOf } from "./batch-norm-sums.ts";
import { once } from "./once.ts";
import { masked } from "./relu.ts";

/** Statistics that outlive the step: persistent f32 tensors, [C], [C] and [1]. */
export interface RunningStatistics {
  readonly mean: Tensor;
  /** Unbiased, as PyTorch keeps it. */
  readonly variance: Tensor;
  /** Batches seen so far. */
  readonly count: Tensor;
}

export interface BatchNormOptions {
  readonly running: RunningStatistics;
  /** Normalise by the batch's own statistics and update the running ones; else use the running ones as they are. */
  readonly train: boolean;
  readonly eps?: number;
  /** Weight of the new batch in the running statistics. */
  readonly momentum?: number;
}

/**
 * Batch normalisation over the last axis: (x - mean) / sqrt(variance + eps) * weight + bias for each channel.
 * Definition: https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 *
 * @param x       f32[..., C], rank 2 or more; or f16 with C in fours: statistics and parameters stay f32
 * @param weight  f32[C]
 * @param bias    f32[C]
 * @returns       the shape and dtype of x
 * @throws ShapeError if the shapes do not fit, or a training batch has one value a channel
 */
export const batchNorm = op("batchNorm", (x: Tensor, weight: Tensor, bias: Tensor, options: BatchNormOptions) =>
  normalised("batchNorm", x, weight, bias, null, options, false));

/**
 * relu(batchNorm(x) + residual) in one pass. The gradient at 0 is 0, as in PyTorch.
 *
 * @param residual  the shape and dtype of x, or null
 */
export const batchNormRelu = op("batchNormRelu", (x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | null, options: BatchNormOptions) =>
  normalised("batchNormRelu", x, weight, bias, residual, options, true));

function normalised(name: string, x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | null, options: BatchNormOptions, relu: boolean): readonly [Tensor, readonly GradientOf[], SumOf?] {
  const { running, train, eps = 1e-5, momentum = 0.1 } = options;
  check(name, x, weight, bias, residual, options);
  const channels = x.dim(-1);
  const rows = x.size / channels;
  const columns = channels % 4 ? channels : channels / 4;
  const layer: Layer = { x, weight, bias, dtype: floatDType(name, "x", x), channels, rows, columns, eps, momentum, relu, residual: residual !== null, train, running };
  const k = kernelsOf(layer);
  const sums = sumsOf(layer);
  const inColumns = columnsOf(layer);
  const { per_thread, stripes, grid } = dealt(x.device, rows, columns);
  const params = { rows, columns, eps, momentum, per_thread, stripes };
  const flags = { RELU: Number(relu), FROZEN: Number(!train) };

  let y: Tensor | null = null;
  const measured = () => {
    if (!inColumns) return sums.statistics();
    const made = inColumns.forward(residual);
    y = made.y;
    return [made.mean, made.spread] as const;
  };
  const normalisedBy = (mean_in: Tensor, spread_in: Tensor) => {
    const y = emptyLike(x);
    const inputs = { x, mean_in, spread_in, weight, bias };
    if (residual) launch(k.normaliseResidual, { ...inputs, residual, y, params }, grid, { overrides: { FROZEN: flags.FROZEN }, flops: (perElement.normalise + 2) * x.size });
    else launch(k.normalise, { ...inputs, y, params }, grid, { overrides: flags, flops: (perElement.normalise + (relu ? 1 : 0)) * x.size });
    return y;
  };
  // A checkpoint that runs this again must not count the batch twice, and need not measure it again.
  const [mean, spread] = train ? keep(measured) : [running.mean, running.variance];
  const forward: Forward = { mean, spread, y: y ?? normalisedBy(mean, spread) };

  const merged = once((dy) => sums.gradients(dy, forward));
  /** Constant statistics: what x needs, without the sums. */
  const constants = () => {
    const coefficients = empty(x.device, [5, channels], { label: "coefficients" });
    launch(k.coefficientsOnly, { channel_mean: mean, channel_spread: spread, channel_weight: weight, channel_bias: bias, coefficients, params }, groups(k.coefficientsOnly, columns));
    return coefficients;
  };
  const pass = once((dy): Partial<Backward> & Pick<Backward, "dx" | "dresidual"> => {
    if (inColumns) return inColumns.backward(dy, forward);
    const coefficients_in = train ? merged(dy).coefficients : constants();
    const dx = emptyLike(x);
    if (!residual) {
      launch(k.backwardX, { x, gradient: dy, coefficients_in, dx, params }, grid, { overrides: { RELU: flags.RELU }, flops: (perElement.backwardX + (relu ? perElement.mask : 0)) * x.size });
      return { dx, dresidual: null };
    }
    const dresidual = emptyLike(x);
    launch(k.backwardXResidual, { x, out: forward.y, gradient: dy, coefficients_in, dx, dresidual, params }, grid, { flops: (perElement.backwardX + 1) * x.size });
    return { dx, dresidual };
  });
  const sumOf = (dy: Tensor, more: Tensor): Tensor => {
    if (inColumns) return pass.set(...inColumns.backwardOfBoth(dy, more, forward));
    return merged.set(...sums.ofBoth(dy, more, forward));
  };
  // x comes first: where it is wanted its pass has made the residual's gradient, and in columns all others; where it is frozen less will do.
  const gradients: GradientOf[] = [(dy) => pass(dy).dx, (dy) => pass.known(dy)?.dweight ?? merged(dy).dweight, (dy) => pass.known(dy)?.dbias ?? merged(dy).dbias];
  if (residual) gradients.push((dy) => pass.known(dy)?.dresidual ?? masked(forward.y, dy));
  return residual && train && channels % 4 === 0 ? [forward.y, gradients, sumOf] : [forward.y, gradients];
}

/** How rows are dealt to the threads of elementwise passes: a software driver has few threads and is fastest on long loops. */
function dealt({ info }: Device, rows: number, columns: number): { per_thread: number; stripes: number; grid: Grid } {
  const per_thread = info.software ? 32 : 4;
  const stripes = Math.ceil(rows / per_thread);
  return { per_thread, stripes, grid: flatGrid(stripes * columns, kernels.normalise.overrides.WORKGROUP) };
}

function check(op: string, x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | null, { running, train }: BatchNormOptions): void {
  const channels = x.shape.at(-1);
  if (x.shape.length < 2 || channels === undefined || (x.dtype !== "f32" && x.dtype !== "f16") || x.size === 0) {
    throw new ShapeError(`${op}: x expects f32 or f16[..., channels] of rank 2 or more, got ${x}. Give a batch, not one value a channel.`);
  }
  const vectors = { weight, bias, "running.mean": running.mean, "running.variance": running.variance };
  for (const [what, vector] of Object.entries(vectors)) {
    if (vector.shape.length !== 1 || vector.size !== channels || vector.dtype !== "f32") {
      throw new ShapeError(`${op}: ${what} expects ${format("f32", [channels])}, one value for each channel of x, got ${vector}. x is ${x}.`);
    }
  }
  if (running.count.size !== 1) throw new ShapeError(`${op}: running.count expects f32[1], got ${running.count}.`);
  if (residual && (residual.shape.join() !== x.shape.join() || residual.dtype !== x.dtype)) throw new ShapeError(`${op}: residual expects the shape and dtype of x, got ${residual}. x is ${x}.`);
  if (train && x.size === channels) {
    throw new ShapeError(`${op}: a training batch needs more than one value a channel, x is ${x}. Use a larger batch, or train: false.`);
  }
}
