// Where batch norm's sums come from: stripes of rows that are merged, in two dispatches, or whole columns in one. Both give a channel's mean
// and deviation forwards, and what its gradients are made of backwards.

import { barriersAreCostly, type Device, flatGrid } from "@roentgen/gpu";
import { batchNorm as f32, batchNormHalf as half, batchNormPacked as packed, batchNormScalar as scalars } from "@roentgen/kernels";
import { batchNormMerge, batchNormMergeHalf, batchNormMergePacked, batchNormMergeScalar, batchNormTwoGradients, batchNormTwoGradientsHalf, batchNormTwoGradientsPacked } from "@roentgen/kernels";
import { batchNormWhole, batchNormWholeHalf, batchNormWholePacked } from "@roentgen/kernels";
import { groups, launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { empty, emptyLike, type FloatDType, type Tensor } from "../tensor.ts";
import type { RunningStatistics } from "./batch-norm.ts";

const merges = { f32: batchNormMerge, half: batchNormMergeHalf, packed: batchNormMergePacked };
const twoGradients = { f32: batchNormTwoGradients, half: batchNormTwoGradientsHalf, packed: batchNormTwoGradientsPacked };
const wholes = { f32: batchNormWhole, half: batchNormWholeHalf, packed: batchNormWholePacked };

/** Floating-point operations an element of each pass, comparisons among them; `mask` is what it costs to know from x whether ReLU let it through. */
export const perElement = { statistics: 4, normalise: 3, gradientSums: 5, backwardX: 6, mask: 3 } as const;

/** One batch norm. */
export interface Layer {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly dtype: FloatDType;
  readonly channels: number;
  readonly rows: number;
  /** Of four channels, or of one where they do not come in fours. */
  readonly columns: number;
  readonly eps: number;
  readonly momentum: number;
  readonly relu: boolean;
  readonly residual: boolean;
  readonly train: boolean;
  readonly running: RunningStatistics;
}

/** What the forward pass knew and made. `spread` is 1 / deviation, or in evaluation the variance. */
export interface Forward {
  readonly mean: Tensor;
  readonly spread: Tensor;
  readonly y: Tensor;
}

export interface Merged {
  readonly dweight: Tensor;
  readonly dbias: Tensor;
  /** f32[5, C]: mean, a, b, c, bias of dx = a dy + b (x - mean) + c. */
  readonly coefficients: Tensor;
}

export interface Sums {
  /** Mean and 1 / deviation of the batch, f32[C] each; updates the running statistics. */
  statistics(): readonly [mean: Tensor, spread: Tensor];
  gradients(dy: Tensor, forward: Forward): Merged;
  /** dy + more, and its sums; with residual and ReLU alone. */
  ofBoth(dy: Tensor, more: Tensor, forward: Forward): readonly [total: Tensor, merged: Merged];
}

/** The kernels that read and write what a layer stores. */
export const kernelsOf = ({ x, dtype, channels }: Layer): typeof f32 => (channels % 4 ? scalars : twinFor(x.device, dtype, { f32, half, packed }));

/** f32[C] for what a layer finds out. */
export const vectorOf = ({ x, channels }: Layer, label: string): Tensor => empty(x.device, [channels], { label });

const emptyMerged = (layer: Layer): Merged =>
  ({ dweight: vectorOf(layer, "dweight"), dbias: vectorOf(layer, "dbias"), coefficients: empty(layer.x.device, [5, layer.channels], { label: "coefficients" }) });

export const sumsOf = (layer: Layer): Sums => wholeColumns(layer) ?? stripesOf(layer);

// --- stripes --------------------------------------------------------------------------------------------------------

/** Columns that a workgroup of batch-norm.merge.wgsl merges, of four channels and of one. */
const [columnsOfMerge, scalarsOfMerge] = [2, 8];

/** Threads that sum: what a GPU needs to have enough loads under way, each thread waiting for one row; a software driver has few cores. */
const threadsOfSums = { software: 512, gpu: 131_072 };

/** More stripes keep more threads busy, but somebody has to merge them; where barriers are costly, one thread a channel. */
function dealt({ info }: Device, costly: boolean, rows: number, columns: number): { per_thread: number; stripes: number } {
  const wanted = Math.min(costly ? 512 : Infinity, Math.ceil(threadsOfSums[info.software ? "software" : "gpu"] / columns));
  const per_thread = Math.max(16, 4 * Math.ceil(rows / wanted / 4));
  return { per_thread, stripes: Math.ceil(rows / per_thread) };
}

function stripesOf(layer: Layer): Sums {
  const { x, weight, bias, dtype, channels, rows, columns, eps, momentum, relu, residual, train, running } = layer;
  const scalar = channels % 4 !== 0;
  const k = kernelsOf(layer);
  const costly = barriersAreCostly(x.device);
  const deal = dealt(x.device, costly, rows, columns);
  const params = { rows, columns, eps, momentum, ...deal };
  const grid = flatGrid(deal.stripes * columns, k.statistics.overrides.WORKGROUP);
  const byGroups = scalar ? batchNormMergeScalar : twinFor(x.device, dtype, merges);
  const [merge, mergeGrid] = costly ? [k, groups(k.merge, columns)] as const : [byGroups, flatGrid(columns, scalar ? scalarsOfMerge : columnsOfMerge)] as const;
  const flags = { RELU: Number(relu), FROZEN: Number(!train) };
  const partial = () => empty(x.device, [deal.stripes, 2, channels], { label: "partial sums" });

  const merged = (stripe_sums: Tensor, { mean, spread }: Forward): Merged => {
    const made = emptyMerged(layer);
    const given = { stripe_sums, channel_mean: mean, channel_spread: spread, channel_weight: weight, channel_bias: bias };
    launch(merge.mergeGradients, { ...given, ...made, params }, mergeGrid, { overrides: { FROZEN: flags.FROZEN } });
    return made;
  };
  return {
    statistics() {
      const [mean, spread, partials] = [vectorOf(layer, "mean"), vectorOf(layer, "invstd"), partial()];
      launch(k.statistics, { x, partials, params }, grid, { flops: perElement.statistics * x.size });
      launch(merge.merge, { first_row: x, stripe_statistics: partials, batch_mean: mean, batch_invstd: spread, running_mean: running.mean, running_variance: running.variance, batches: running.count, params }, mergeGrid, { unread: x.buffer.bytes - x.buffer.bytes / rows });
      return [mean, spread];
    },

    gradients(dy, forward) {
      const [sums, { mean, spread, y }] = [partial(), forward];
      if (residual) launch(k.gradientSumsResidual, { x, out: y, dy, mean_in: mean, sums, params }, grid, { flops: perElement.gradientSums * x.size });
      else launch(k.gradientSums, { x, mean_in: mean, spread_in: spread, weight, bias, dy, sums, params }, grid, { overrides: flags, flops: (perElement.gradientSums + (relu ? perElement.mask : 0)) * x.size });
      return merged(sums, forward);
    },

    ofBoth(dy, more, forward) {
      const [total, sums] = [emptyLike(dy), partial()];
      const given = { x, dy, out: forward.y, more, mean_in: forward.mean };
      launch(twinFor(x.device, dtype, twoGradients).gradientSums, { ...given, sums, total, params: { rows, columns, ...deal, all_bits: 0xffffffff } }, grid, { flops: (1 + perElement.gradientSums) * x.size });
      return [total, merged(sums, forward)];
    },
  };
}

// --- whole columns --------------------------------------------------------------------------------------------------

/** Columns of a workgroup of batch-norm.whole.wgsl, 32 bytes of a row. */
const columnsTogether = { f32: 2, f16: 4 };

/** Rows that a thread may have to walk, four at a time: by few workgroups no longer than the dispatch takes that it saves. */
const mostRows = (workgroups: number): number => (workgroups < 16 ? 32 : 64);

/** Null where two dispatches are better: too many rows for a thread, or no barriers to speak of. */
function wholeColumns(layer: Layer): Sums | null {
  const { x, weight, bias, dtype, channels, rows, columns, eps, momentum, relu, residual, train, running } = layer;
  const { maxComputeInvocationsPerWorkgroup: most = 256, maxComputeWorkgroupStorageSize: bytes = 16_384, maxStorageBuffersPerShaderStage: buffers = 12 } = x.device.limits ?? {};
  const WORKGROUP = [1024, 512, 256].find((threads) => threads <= most && 16 * threads <= bytes);
  const together = columnsTogether[dtype];
  const count = Math.ceil(columns / together);
  if (!train || channels % 4 || barriersAreCostly(x.device) || !WORKGROUP || buffers < 12 || rows > (mostRows(count) * WORKGROUP) / together) return null;

  const k = twinFor(x.device, dtype, wholes);
  const params = { rows, columns, eps, momentum, all_bits: 0xffffffff };
  const grid = flatGrid(count, 1);
  const overrides = { WORKGROUP };
  return {
    statistics() {
      const [mean, spread] = [vectorOf(layer, "mean"), vectorOf(layer, "invstd")];
      launch(k.statistics, { x, batch_mean: mean, batch_invstd: spread, running_mean: running.mean, running_variance: running.variance, batches: running.count, params }, grid, { overrides, flops: perElement.statistics * x.size });
      return [mean, spread];
    },

    gradients(dy, { mean, spread, y }) {
      const made = emptyMerged(layer);
      const given = { x, dy, mean_in: mean, invstd_in: spread, weight, bias };
      if (residual) launch(k.gradientsResidual, { ...given, out: y, ...made, params }, grid, { overrides, flops: perElement.gradientSums * x.size });
      else launch(k.gradients, { ...given, ...made, params }, grid, { overrides: { ...overrides, RELU: Number(relu) }, flops: (perElement.gradientSums + (relu ? perElement.mask : 0)) * x.size });
      return made;
    },

    ofBoth(dy, more, { mean, spread, y }) {
      const [total, made] = [emptyLike(dy), emptyMerged(layer)];
      launch(k.gradientsTwoWays, { x, dy, out: y, more, mean_in: mean, invstd_in: spread, weight, bias, ...made, total, params }, grid, { overrides, flops: (1 + perElement.gradientSums) * x.size });
      return [total, made];
    },
  };
}
