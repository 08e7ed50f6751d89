import { type Shape, sizeOf } from "@roentgen/core";
import { host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { crossEntropy } from "./cross-entropy.ts";

interface Options {
  readonly soft?: boolean;
  readonly labelSmoothing?: number;
  readonly range?: readonly [number, number];
}

export const crossEntropyCase = (shape: Shape, { soft = false, labelSmoothing = 0, range = [-3, 3] }: Options = {}, seed = 1): OpCase => {
  const classes = shape.at(-1) ?? 1;
  const rows = sizeOf(shape) / classes;
  const target = soft ? { shape, range: [0, 1] as const, fixed: true } : { shape: shape.slice(0, -1), dtype: "u32" as const, range: [0, classes - 1] as const };
  return {
    name: `crossEntropy [${shape}] ${soft ? "soft" : "classes"} smoothing ${labelSmoothing}${range[1] > 3 ? ` values to ${range[1]}` : ""}`,
    inputs: [{ shape, range }, target],
    run: (x, t) => crossEntropy(x, t, { labelSmoothing }),
    reference: (x, t) => {
      let total = 0;
      for (let row = 0; row < rows; row++) {
        const logits = Array.from(x.data.subarray(row * classes, (row + 1) * classes));
        const most = Math.max(...logits);
        const log = Math.log(logits.reduce((sum, v) => sum + Math.exp(v - most), 0));
        for (const [c, v] of logits.entries()) {
          const share = soft ? (t.data[row * classes + c] ?? 0) : Number(t.data[row] === c);
          total -= ((1 - labelSmoothing) * share + labelSmoothing / classes) * (v - most - log);
        }
      }
      return host64([], Float64Array.of(total / rows));
    },
    tolerance: tolerances.transcendental,
    seed,
  };
};

export const cases: readonly OpCase[] = [
  crossEntropyCase([5, 3]),
  crossEntropyCase([1, 1]),
  crossEntropyCase([33, 10], { labelSmoothing: 0.1 }),
  crossEntropyCase([4, 3], { soft: true }),
  crossEntropyCase([4, 3], { soft: true, labelSmoothing: 0.2 }),
  crossEntropyCase([3, 1000]),
  crossEntropyCase([2, 9, 17, 4]),
  crossEntropyCase([6, 5], { range: [-150, 150] }),
];
