import type { Shape } from "@roentgen/core";
import { host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { dice } from "./dice.ts";

export const diceCase = (shape: Shape, smooth = 1, seed = 1): OpCase => ({
  name: `dice [${shape}] smooth ${smooth}`,
  inputs: [{ shape, range: [0, 1] }, { shape, range: [0, 1], fixed: true }],
  run: (p, t) => dice(p, t, { smooth }),
  reference: (p, t) => {
    const sum = (f: (i: number) => number) => p.data.reduce((total, _, i) => total + f(i), 0);
    const [both, ps, ts] = [sum((i) => (p.data[i] ?? 0) * (t.data[i] ?? 0)), sum((i) => p.data[i] ?? 0), sum((i) => t.data[i] ?? 0)];
    return host64([], Float64Array.of(1 - (2 * both + smooth) / (ps + ts + smooth)));
  },
  tolerance: tolerances.reduction,
  seed,
});

export const cases: readonly OpCase[] = [diceCase([]), diceCase([5]), diceCase([2, 7, 9, 1]), diceCase([3, 129], 0.5), diceCase([4, 65, 67, 1])];
