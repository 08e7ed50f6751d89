import type { Shape } from "@roentgen/core";
import type { Tensor } from "../tensor.ts";
import { host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { bce, bceWithLogits, mse } from "./pointwise-loss.ts";

interface Row {
  readonly run: (x: Tensor, t: Tensor) => Tensor;
  readonly term: (x: number, t: number, i: number) => number;
  readonly range: readonly [number, number];
}

const logLoss = (p: number, t: number) => -t * Math.max(Math.log(p), -100) - (1 - t) * Math.max(Math.log(1 - p), -100);
const weights = [0.5, 2, 3.5, 1];

/** `posWeight` needs four classes: its shapes end in 4. */
export const losses: Readonly<Record<string, Row>> = {
  bce: { run: bce, term: logLoss, range: [0.02, 0.98] },
  bceWithLogits: { run: (x, t) => bceWithLogits(x, t), term: (x, t) => logLoss(1 / (1 + Math.exp(-x)), t), range: [-6, 6] },
  "bceWithLogits posWeight": {
    run: (x, t) => bceWithLogits(x, t, { posWeight: weights }),
    term: (x, t, i) => -(weights[i % 4] ?? 1) * t * Math.log(1 / (1 + Math.exp(-x))) - (1 - t) * Math.log(1 / (1 + Math.exp(x))),
    range: [-6, 6],
  },
  mse: { run: mse, term: (x, t) => (x - t) ** 2, range: [-2, 2] },
};

export function lossCase(name: string, shape: Shape, seed = 1): OpCase {
  const { run, term, range } = losses[name] as Row;
  return {
    name: `${name} [${shape}]`,
    inputs: [{ shape, range }, { shape, range: [0, 1], fixed: true }],
    run,
    reference: (x, t) => host64([], Float64Array.of(x.data.reduce((sum, v, i) => sum + term(v, t.data[i] ?? NaN, i), 0) / x.data.length)),
    tolerance: tolerances.transcendental,
    seed,
  };
}

export const cases: readonly OpCase[] = Object.keys(losses).flatMap((name) => [
  lossCase(name, [4]),
  lossCase(name, [7, 4]),
  lossCase(name, [2, 15, 17, 4]),
  ...(name === "bceWithLogits posWeight" ? [] : [lossCase(name, []), lossCase(name, [129]), lossCase(name, [2, 151, 67, 1])]),
]);
