// The task's loss, twice: on the device as a step records it, and in float64 on the host for validation, where a batch may be
// padded and only its first `rows` count. Definitions: benchmark protocol 5.2.

import type { TypedArray } from "@roentgen/core";
import type { Batch } from "@roentgen/data";
import { bceWithLogits, crossEntropy, dice, sigmoid, add, type Tensor } from "@roentgen/tensor";
import type { TaskConfig } from "./config.ts";

type LossConfig = Pick<TaskConfig, "loss" | "labelSmoothing">;

/** The mean loss of a batch, f32[]. */
export function lossOf(logits: Tensor, target: Tensor, { loss, labelSmoothing }: LossConfig): Tensor {
  switch (loss) {
    case "cross-entropy":
      return crossEntropy(logits, target, { labelSmoothing });
    case "bce":
      return bceWithLogits(logits, target);
    case "dice":
      return dice(sigmoid(logits), target);
    case "bce+dice":
      return add(bceWithLogits(logits, target), dice(sigmoid(logits), target));
    default:
      return loss satisfies never;
  }
}

/** The same over the first `rows` rows of read-back logits, in float64. `target`: class indices (cross-entropy) or values like the logits. */
export function hostLoss(logits: Float32Array, target: ArrayLike<number>, rows: number, perRow: number, { loss, labelSmoothing }: LossConfig): number {
  const n = rows * perRow;
  switch (loss) {
    case "cross-entropy":
      return hostCrossEntropy(logits, target, rows, perRow, labelSmoothing);
    case "bce":
      return hostBce(logits, target, n);
    case "dice":
      return hostDice(logits, target, n);
    case "bce+dice":
      return hostBce(logits, target, n) + hostDice(logits, target, n);
    default:
      return loss satisfies never;
  }
}

function hostCrossEntropy(logits: Float32Array, target: ArrayLike<number>, rows: number, classes: number, smoothing: number): number {
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const x = logits.subarray(row * classes, (row + 1) * classes);
    const most = x.reduce((a, b) => Math.max(a, b), -Infinity);
    const logSum = most + Math.log(x.reduce((sum, v) => sum + Math.exp(v - most), 0));
    const mean = x.reduce((sum, v) => sum + v, 0) / classes;
    total += logSum - (1 - smoothing) * (x[target[row] ?? 0] ?? NaN) - smoothing * mean;
  }
  return total / rows;
}

function hostBce(logits: Float32Array, target: ArrayLike<number>, n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) {
    const x = logits[i] ?? NaN;
    total += Math.max(x, 0) - x * (target[i] ?? NaN) + Math.log1p(Math.exp(-Math.abs(x)));
  }
  return total / n;
}

function hostDice(logits: Float32Array, target: ArrayLike<number>, n: number): number {
  let [both, predicted, actual] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const p = 1 / (1 + Math.exp(-(logits[i] ?? NaN)));
    const y = target[i] ?? NaN;
    both += p * y;
    predicted += p;
    actual += y;
  }
  return 1 - (2 * both + 1) / (predicted + actual + 1);
}

/** What a batch is compared with: labels or masks. */
export function targetOf({ labels, masks }: Batch): TypedArray & ArrayLike<number> {
  const target = labels ?? masks;
  if (!target) throw new Error("internal: a batch without labels and masks.");
  return target;
}
