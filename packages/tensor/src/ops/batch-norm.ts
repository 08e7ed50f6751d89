import { format, ShapeError } from "@roentgen/core";
import { barriersAreCostly, type Device, flatGrid, type Grid } from "@roentgen/gpu";
import { batchNorm as f32, batchNormHalf as half, batchNormPacked as packed, batchNormScalar as scalars } from "@roentgen/kernels";
import { batchNormMerge, batchNormMergeHalf, batchNormMergePacked } from "@roentgen/kernels";
import { batchNormTwoGradients, batchNormTwoGradientsHalf, batchNormTwoGradientsPacked } from "@roentgen/kernels";
import { keep } from "../checkpoint.ts";
import { groups, launch, op } from "../op.ts";
import { floatDType, twinFor } from "../storage.ts";
import type { GradientOf, SumOf } from "../tape.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { masked } from "./relu.ts";

const mergeByGroups = { f32: batchNormMerge, half: batchNormMergeHalf, packed: batchNormMergePacked };
const twoGradients = { f32: batchNormTwoGradients, half: batchNormTwoGradientsHalf, packed: batchNormTwoGradientsPacked };

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
  const k = channels % 4 ? scalars : twinFor(x.device, floatDType(name, "x", x), { f32, half, packed });
  const work = stripes(x.device, rows, columns);
  const sizes = { rows, columns, channels, eps, momentum };
  const params = { ...sizes, ...work.apply };
  const sumParams = { ...sizes, ...work.sums };
  const perChannel = groups(k.merge, channels);
  const [merge, mergeGrid] = barriersAreCostly(x.device) ? [k, perChannel] as const : [twinFor(x.device, floatDType(name, "x", x), mergeByGroups), flatGrid(channels, channelsOfMerge)] as const;
  const flags = { RELU: Number(relu), FROZEN: Number(!train) };
  const frozen = { FROZEN: flags.FROZEN };

  const vector = (label: string) => empty(x.device, [channels], { label });
  const partial = () => empty(x.device, [work.sums.stripes, 2, channels], { label: "partial sums" });
  // A checkpoint that runs this again must not count the batch twice, and need not measure it again.
  const statistics = () => {
    const [mean, spread, partials] = [vector("mean"), vector("invstd"), partial()];
    launch(k.statistics, { x, partials, params: sumParams }, work.sumsGrid);
    launch(merge.merge, { first_row: x, stripe_statistics: partials, batch_mean: mean, batch_invstd: spread, running_mean: running.mean, running_variance: running.variance, batches: running.count, params: sumParams }, mergeGrid);
    return [mean, spread] as const;
  };
  const [mean, spread] = train ? keep(statistics) : [running.mean, running.variance];
  const y = emptyLike(x);
  const inputs = { x, mean_in: mean, spread_in: spread, weight, bias };
  if (residual) launch(k.normaliseResidual, { ...inputs, residual, y, params }, work.applyGrid, { overrides: frozen });
  else launch(k.normalise, { ...inputs, y, params }, work.applyGrid, { overrides: flags });

  const channelInputs = { channel_mean: mean, channel_spread: spread, channel_weight: weight, channel_bias: bias };
  const sumsBeforeMerge = once((dy) => {
    const partials = partial();
    if (residual) launch(k.gradientSumsResidual, { x, out: y, dy, mean_in: mean, sums: partials, params: sumParams }, work.sumsGrid);
    else launch(k.gradientSums, { ...inputs, dy, sums: partials, params: sumParams }, work.sumsGrid, { overrides: flags });
    return partials;
  });
  const sumOf = (dy: Tensor, more: Tensor): Tensor => {
    const [total, partials] = [emptyLike(dy), partial()];
    const { per_thread, stripes } = work.sums;
    const { gradientSums } = twinFor(x.device, floatDType(name, "x", x), twoGradients);
    launch(gradientSums, { x, dy, out: y, more, mean_in: mean, sums: partials, total, params: { rows, columns, per_thread, stripes, all_bits: 0xffffffff } }, work.sumsGrid, { flops: dy.size });
    sumsBeforeMerge.set(total, partials);
    return total;
  };
  const sums = once((dy) => {
    const partials = sumsBeforeMerge(dy);
    const [dweight, dbias, coefficients] = [vector("dweight"), vector("dbias"), empty(x.device, [5, channels], { label: "coefficients" })];
    launch(merge.mergeGradients, { stripe_sums: partials, ...channelInputs, dweight, dbias, coefficients, params: sumParams }, mergeGrid, { overrides: frozen });
    return { dweight, dbias, coefficients };
  });
  /** Constant statistics: what x needs, without the sums. */
  const constants = () => {
    const coefficients = empty(x.device, [5, channels], { label: "coefficients" });
    launch(k.coefficientsOnly, { ...channelInputs, coefficients, params: sumParams }, perChannel);
    return coefficients;
  };
  const pass = once((dy) => {
    const coefficients_in = train ? sums(dy).coefficients : constants();
    const dx = emptyLike(x);
    if (!residual) {
      launch(k.backwardX, { x, gradient: dy, coefficients_in, dx, params }, work.applyGrid, { overrides: { RELU: flags.RELU } });
      return { dx, dresidual: null };
    }
    const dresidual = emptyLike(x);
    launch(k.backwardXResidual, { x, out: y, gradient: dy, coefficients_in, dx, dresidual, params }, work.applyGrid);
    return { dx, dresidual };
  });
  const gradients: GradientOf[] = [(dy) => pass(dy).dx, (dy) => sums(dy).dweight, (dy) => sums(dy).dbias];
  // x comes first: where it is wanted its pass has made the residual's gradient; where it is frozen the mask alone is cheaper.
  if (residual) gradients.push((dy) => pass.known(dy)?.dresidual ?? masked(y, dy));
  return residual && train && k !== scalars ? [y, gradients, sumOf] : [y, gradients];
}

/** A function of the gradient that several inputs share: computed at the first call, and again only for another gradient. */
function once<T>(compute: (dy: Tensor) => T): ((dy: Tensor) => T) & { known(dy: Tensor): T | null; set(dy: Tensor, value: T): void } {
  let last: { dy: Tensor; value: T } | null = null;
  const known = (dy: Tensor) => (last?.dy === dy ? last.value : null);
  const set = (dy: Tensor, value: T) => void (last = { dy, value });
  return Object.assign((dy: Tensor) => (known(dy) ?? (last = { dy, value: compute(dy) }).value), { known, set });
}

interface Stripes {
  readonly per_thread: number;
  readonly stripes: number;
}

/** Channels that a workgroup of batch-norm.merge.wgsl merges. */
const channelsOfMerge = 4;

/** Threads that sum: what a GPU needs to have enough loads under way, each thread waiting for one row; a software driver has few cores. */
const threadsOfSums = { software: 512, gpu: 131_072 };

/**
 * How rows are dealt to threads, for sums and for elementwise passes. More stripes keep more threads busy, but somebody has to merge them;
 * a software driver has few threads and is fastest on long loops.
 */
function stripes(device: Device, rows: number, columns: number): { sums: Stripes; sumsGrid: Grid; apply: Stripes; applyGrid: Grid } {
  const { software } = device.info;
  const deal = (per_thread: number): [Stripes, Grid] => {
    const count = Math.ceil(rows / per_thread);
    return [{ per_thread, stripes: count }, flatGrid(count * columns, f32.statistics.overrides.WORKGROUP)];
  };
  // one thread a channel merges them all where barriers are costly
  const most = barriersAreCostly(device) ? 512 : Infinity;
  const wanted = Math.min(most, Math.ceil(threadsOfSums[software ? "software" : "gpu"] / columns));
  const [sums, sumsGrid] = deal(Math.max(16, 4 * Math.ceil(rows / wanted / 4)));
  const [apply, applyGrid] = deal(software ? 32 : 4);
  return { sums, sumsGrid, apply, applyGrid };
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
