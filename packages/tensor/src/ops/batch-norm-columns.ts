// A batch norm of few rows on a software driver: one dispatch each way, a thread a column, instead of three.

import { flatGrid } from "@roentgen/gpu";
import { batchNormColumns, batchNormColumnsHalf, batchNormColumnsPacked } from "@roentgen/kernels";
import { launch } from "../op.ts";
import { twinFor } from "../storage.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { type Forward, type Layer, perElement, vectorOf } from "./batch-norm-sums.ts";

const twins = { f32: batchNormColumns, half: batchNormColumnsHalf, packed: batchNormColumnsPacked };

/** Rows that a thread walks: more are better shared among threads, and their sums keep more digits in parts. */
const mostRows = 1024;
/** Fewer subgroups of eight columns would leave processors idle. */
const leastColumns = 32;

/** All that a batch norm's backward pass gives. `dresidual` is null where nothing was added. */
export interface Backward {
  readonly dx: Tensor;
  readonly dresidual: Tensor | null;
  readonly dweight: Tensor;
  readonly dbias: Tensor;
}

export interface Columns {
  /** Also updates the running statistics. */
  forward(residual: Tensor | null): Forward;
  backward(dy: Tensor, forward: Forward): Backward;
  /** dy + more, and the gradients of that; with residual and ReLU alone. */
  backwardOfBoth(dy: Tensor, more: Tensor, forward: Forward): readonly [total: Tensor, backward: Backward];
}

/** Null where a layer's rows are better walked in stripes. */
export function columnsOf(layer: Layer): Columns | null {
  const { x, weight, bias, dtype, channels, rows, columns, eps, momentum, relu, residual, train, running } = layer;
  const buffers = x.device.limits?.maxStorageBuffersPerShaderStage ?? 12;
  if (!train || !x.device.info.software || channels % 4 || rows > mostRows || columns < leastColumns || buffers < 12) return null;

  const k = twinFor(x.device, dtype, twins);
  const params = { rows, columns, eps, momentum, all_bits: 0xffffffff };
  const grid = flatGrid(columns, k.forward.overrides.WORKGROUP);
  const flags = { RELU: Number(relu) };
  const forwardFlops = (perElement.statistics + perElement.normalise) * x.size;
  const backwardFlops = (perElement.gradientSums + perElement.backwardX) * x.size;
  const made = () => ({ dx: emptyLike(x), dweight: vectorOf(layer, "dweight"), dbias: vectorOf(layer, "dbias") });
  return {
    forward(added) {
      const [y, mean, spread] = [emptyLike(x), vectorOf(layer, "mean"), vectorOf(layer, "invstd")];
      const given = { x, weight, bias, y, batch_mean: mean, batch_invstd: spread, running_mean: running.mean, running_variance: running.variance, batches: running.count, params };
      if (added) launch(k.forwardResidual, { ...given, residual: added }, grid, { flops: forwardFlops + 2 * x.size });
      else launch(k.forward, given, grid, { overrides: flags, flops: forwardFlops + (relu ? x.size : 0) });
      return { mean, spread, y };
    },

    backward(dy, { mean, spread, y }) {
      const gradients = made();
      const given = { x, dy, mean_in: mean, invstd_in: spread, weight, ...gradients, params };
      if (!residual) {
        launch(k.backward, { ...given, bias }, grid, { overrides: flags, flops: backwardFlops + (relu ? 2 * perElement.mask * x.size : 0) });
        return { ...gradients, dresidual: null };
      }
      const dresidual = emptyLike(x);
      launch(k.backwardResidual, { ...given, out: y, dresidual }, grid, { flops: backwardFlops + x.size });
      return { ...gradients, dresidual };
    },

    backwardOfBoth(dy, more, { mean, spread, y }) {
      const [total, gradients, dresidual] = [emptyLike(dy), made(), emptyLike(x)];
      launch(k.backwardTwoWays, { x, out: y, dy, more, mean_in: mean, invstd_in: spread, weight, total, ...gradients, dresidual, params }, grid, { flops: backwardFlops + 2 * x.size });
      return [total, { ...gradients, dresidual }];
    },
  };
}
